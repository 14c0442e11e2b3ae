package seccomp

const nativeABI = abiS390X
