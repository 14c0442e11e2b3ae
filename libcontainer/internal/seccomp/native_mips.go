package seccomp

const nativeABI = abiMIPS
