package seccomp

//go:generate go run ./gen calls_gen.go

import (
	"slices"
	"strings"
)

// compilerVersion changes whenever the same profile compiles to something else,
// so that cached filters of an older build are not used.
const compilerVersion = 2

// lateCall is a system call newer than the libseccomp that the tables are from.
// nr counts as in linux/unistd.h, without the ABI's base.
type lateCall struct {
	name string
	nr   uint32
}

// lateCalls are the calls that have the same number everywhere (the tables of
// all architectures run in step from 424 on), up to Linux 6.18. Sources:
// include/uapi/asm-generic/unistd.h and arch/*/kernel/syscalls/*.tbl.
var lateCalls = [...]lateCall{
	{"memfd_secret", 447},
	{"process_mrelease", 448},
	{"futex_waitv", 449},
	{"set_mempolicy_home_node", 450},
	{"cachestat", 451},
	{"fchmodat2", 452},
	{"map_shadow_stack", 453},
	{"futex_wake", 454},
	{"futex_wait", 455},
	{"futex_requeue", 456},
	{"statmount", 457},
	{"listmount", 458},
	{"lsm_get_self_attr", 459},
	{"lsm_set_self_attr", 460},
	{"lsm_list_modules", 461},
	{"mseal", 462},
	{"setxattrat", 463},
	{"getxattrat", 464},
	{"listxattrat", 465},
	{"removexattrat", 466},
	{"open_tree_attr", 467},
	{"file_getattr", 468},
	{"file_setattr", 469},
}

// lateNumber resolves name on a by our own tables, for names libseccomp does
// not know.
func lateNumber(name string, a abi) (uint32, bool) {
	switch {
	case a == abiX8664 && name == "uretprobe": // 64-bit programs only, Linux 6.11
		return 335, true
	case a == abiX8664 && name == "uprobe": // likewise, Linux 6.18
		return 336, true
	case a == abiRISCV64 && name == "riscv_hwprobe": // Linux 6.4
		return 258, true
	case a == abiX32 && name == "map_shadow_stack": // "64" in syscall_64.tbl, not "common"
		return 0, false
	}
	for i := range lateCalls {
		if lateCalls[i].name == name {
			return lateCalls[i].nr + abis[a].base, true
		}
	}
	return 0, false
}

// muxKind names the set of numbers that the calls behind socketcall(2) and
// ipc(2) have when called directly.
type muxKind uint8

const (
	muxNone muxKind = iota
	muxX86
	muxS390
	muxPPC
	muxMIPS
)

// number is where a named system call arrives on one ABI.
type number struct {
	direct  int32 // its own number, or -1
	mux     int32 // the multiplexer's number, or -1
	subcall uint32
}

// resolve finds name on a. It reports false for names that a does not have.
func resolve(name string, a abi) (number, bool) {
	n, ok := libraryNumber(name, a)
	switch {
	case !ok:
		return number{}, false
	case n >= 0:
		return number{direct: n, mux: -1}, true
	case abis[a].mux != muxNone && n <= -100 && n > -300:
		// libseccomp's numbers for multiplexed calls: -100 - the sub-call of
		// socketcall, -200 - the sub-call of ipc.
		return demux(a, -n), true
	}
	return number{}, false // known, but not to this ABI
}

// tableNumber returns what libseccomp would, from the tables: the number with the
// ABI's base, or a negative one of the library's own. It knows calls newer than the library too.
func tableNumber(name string, a abi) (nr int32, ok bool) {
	at, ok := callNamed(name)
	if !ok {
		late, ok := lateNumber(name, a)
		return int32(late), ok
	}
	if nr = callNumbers[a][at]; nr >= 0 {
		nr += int32(abis[a].base)
	}
	return nr, true
}

// callNamed finds name in callNames.
func callNamed(name string) (at int, ok bool) {
	return slices.BinarySearchFunc(callNames[:], name, strings.Compare)
}

// muxNumbers has the multiplexers' numbers and those of the direct forms. A
// zero stands for "only multiplexed".
type muxNumbers struct {
	socketcall, ipc int32
	socket          [21]int16 // by sub-call, linux/net.h
	sysv            [25]int16 // by sub-call, linux/ipc.h
}

// The System V calls are the same on all of them (Linux 5.1).
var sysvDirect = [25]int16{2: 393, 3: 394, 11: 400, 12: 401, 13: 399, 14: 402, 21: 397, 22: 398, 23: 395, 24: 396}

var muxX86Numbers = muxNumbers{102, 117, [21]int16{
	1: 359, 2: 361, 3: 362, 4: 363, 6: 367, 7: 368, 8: 360, 11: 369, 12: 371, 13: 373, 14: 366, 15: 365, 16: 370,
	17: 372, 18: 364, 19: 337, 20: 345,
}, sysvDirect}

var muxS390Numbers = muxNumbers{102, 117, [21]int16{
	1: 359, 2: 361, 3: 362, 4: 363, 6: 367, 7: 368, 8: 360, 11: 369, 12: 371, 13: 373, 14: 366, 15: 365, 16: 370,
	17: 372, 18: 364, 19: 357, 20: 358,
}, sysvDirect}

var muxPPCNumbers = muxNumbers{102, 117, [21]int16{
	1: 326, 2: 327, 3: 328, 4: 329, 5: 330, 6: 331, 7: 332, 8: 333, 9: 334, 10: 336, 11: 335, 12: 337, 13: 338,
	14: 339, 15: 340, 16: 341, 17: 342, 18: 344, 19: 343, 20: 349,
}, sysvDirect}

var muxMIPSNumbers = muxNumbers{4102, 4117, [21]int16{
	1: 4183, 2: 4169, 3: 4170, 4: 4174, 5: 4168, 6: 4172, 7: 4171, 8: 4184, 9: 4178, 10: 4175, 11: 4180, 12: 4176,
	13: 4182, 14: 4181, 15: 4173, 16: 4179, 17: 4177, 18: 4334, 19: 4335, 20: 4343,
}, [25]int16{
	2: 4393, 3: 4394, 11: 4400, 12: 4401, 13: 4399, 14: 4402, 21: 4397, 22: 4398, 23: 4395, 24: 4396,
}}

// directSemtimedop is its number on the 64-bit ABIs that multiplex; the 32-bit ones
// have semtimedop_time64 instead.
const directSemtimedop, subcallSemtimedop = 392, 4

// demux splits libseccomp's number for a multiplexed call of a.
func demux(a abi, pseudo int32) number {
	t := &muxX86Numbers
	switch abis[a].mux {
	case muxS390:
		t = &muxS390Numbers
	case muxPPC:
		t = &muxPPCNumbers
	case muxMIPS:
		t = &muxMIPSNumbers
	}
	n := number{direct: -1, mux: t.socketcall, subcall: uint32(pseudo % 100)}
	table := t.socket[:]
	if pseudo >= 200 {
		n.mux, table = t.ipc, t.sysv[:]
		if abis[a].wide && n.subcall == subcallSemtimedop {
			n.direct = directSemtimedop
			return n
		}
	}
	if int(n.subcall) < len(table) && table[n.subcall] != 0 {
		n.direct = int32(table[n.subcall])
	}
	return n
}

// tableKnows says whether the tables have the name, on any ABI.
func tableKnows(name string) bool {
	if _, ok := callNamed(name); ok {
		return true
	}
	for a := range abis {
		if a == int(abiNone) {
			continue
		}
		if _, ok := lateNumber(name, abi(a)); ok {
			return true
		}
	}
	return false
}
