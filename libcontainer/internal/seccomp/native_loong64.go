package seccomp

const nativeABI = abiLOONGARCH64
