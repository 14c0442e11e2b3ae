package seccomp

const nativeABI = abiX86
