package seccomp

const nativeABI = abiMIPSEL64
