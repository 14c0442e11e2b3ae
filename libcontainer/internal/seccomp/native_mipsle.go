package seccomp

const nativeABI = abiMIPSEL
