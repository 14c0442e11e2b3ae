package seccomp

import (
	"runtime"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// abi is one way of calling the kernel: a value of architectures.
type abi uint8

const (
	abiNone abi = iota
	abiX86
	abiX8664
	abiX32
	abiARM
	abiAARCH64
	abiMIPS
	abiMIPS64
	abiMIPS64N32
	abiMIPSEL
	abiMIPSEL64
	abiMIPSEL64N32
	abiPPC
	abiPPC64
	abiPPC64LE
	abiS390
	abiS390X
	abiRISCV64
	abiLOONGARCH64
)

// x32Bit marks calls of the x32 ABI, which shares AUDIT_ARCH_X86_64.
const x32Bit = 0x40000000

// abiInfo says what the compiler has to know of an ABI.
type abiInfo struct {
	name  specs.Arch
	audit uint32 // AUDIT_ARCH_*, linux/audit.h: the arch field of struct seccomp_data
	base  uint32 // what is added to the numbers of linux/unistd.h
	wide  bool   // compares 64-bit arguments
	mux   muxKind
	kin   abi // ABIs of one kernel have the same kin
}

// abis is indexed by abi.
var abis = [...]abiInfo{
	abiNone:        {},
	abiX86:         {specs.ArchX86, 0x40000003, 0, false, muxX86, abiX8664},
	abiX8664:       {specs.ArchX86_64, 0xc000003e, 0, true, muxNone, abiX8664},
	abiX32:         {specs.ArchX32, 0xc000003e, x32Bit, false, muxNone, abiX8664},
	abiARM:         {specs.ArchARM, 0x40000028, 0, false, muxNone, abiAARCH64},
	abiAARCH64:     {specs.ArchAARCH64, 0xc00000b7, 0, true, muxNone, abiAARCH64},
	abiMIPS:        {specs.ArchMIPS, 0x00000008, 4000, false, muxMIPS, abiMIPS64},
	abiMIPS64:      {specs.ArchMIPS64, 0x80000008, 5000, true, muxNone, abiMIPS64},
	abiMIPS64N32:   {specs.ArchMIPS64N32, 0xa0000008, 6000, false, muxNone, abiMIPS64},
	abiMIPSEL:      {specs.ArchMIPSEL, 0x40000008, 4000, false, muxMIPS, abiMIPSEL64},
	abiMIPSEL64:    {specs.ArchMIPSEL64, 0xc0000008, 5000, true, muxNone, abiMIPSEL64},
	abiMIPSEL64N32: {specs.ArchMIPSEL64N32, 0xe0000008, 6000, false, muxNone, abiMIPSEL64},
	abiPPC:         {specs.ArchPPC, 0x00000014, 0, false, muxPPC, abiPPC64},
	abiPPC64:       {specs.ArchPPC64, 0x80000015, 0, true, muxPPC, abiPPC64},
	abiPPC64LE:     {specs.ArchPPC64LE, 0xc0000015, 0, true, muxPPC, abiPPC64LE},
	abiS390:        {specs.ArchS390, 0x00000016, 0, false, muxS390, abiS390X},
	abiS390X:       {specs.ArchS390X, 0x80000016, 0, true, muxS390, abiS390X},
	abiRISCV64:     {specs.ArchRISCV64, 0xc00000f3, 0, true, muxNone, abiRISCV64},
	abiLOONGARCH64: {specs.ArchLOONGARCH64, 0xc0000102, 0, true, muxNone, abiLOONGARCH64},
}

// native is the ABI this program is built for.
const native = nativeABI

// abiNamed returns the ABI called name, or abiNone.
func abiNamed(name specs.Arch) abi {
	for a := range abis {
		if a != int(abiNone) && abis[a].name == name {
			return abi(a)
		}
	}
	return abiNone
}

// archKnown reports whether name is a value of architectures at all.
func archKnown(name specs.Arch) bool {
	for _, s := range Archs {
		if s == string(name) {
			return true
		}
	}
	return false
}

// bigEndian is the byte order of the kernel that runs the filter: where the low
// half of a 64-bit argument lies in struct seccomp_data.
const bigEndian = runtime.GOARCH == "s390x" || runtime.GOARCH == "ppc64" || runtime.GOARCH == "mips" || runtime.GOARCH == "mips64"
