package seccomp

const nativeABI = abiRISCV64
