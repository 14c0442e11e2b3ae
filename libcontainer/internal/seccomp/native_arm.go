package seccomp

const nativeABI = abiARM
