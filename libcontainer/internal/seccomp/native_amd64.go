package seccomp

const nativeABI = abiX8664
