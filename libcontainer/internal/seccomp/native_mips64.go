package seccomp

const nativeABI = abiMIPS64
