package seccomp

const nativeABI = abiAARCH64
