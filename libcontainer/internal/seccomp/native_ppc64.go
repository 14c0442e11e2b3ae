package seccomp

const nativeABI = abiPPC64
