package seccomp

import (
	"fmt"
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// The kernel's answers, linux/seccomp.h. The low 16 bits carry data.
const (
	retKillProcess = 0x80000000
	retKillThread  = 0x00000000
	retTrap        = 0x00030000
	retErrno       = 0x00050000
	retNotify      = 0x7fc00000
	retTrace       = 0x7ff00000
	retLog         = 0x7ffc0000
	retAllow       = 0x7fff0000

	errnoEPERM  = 1
	errnoENOSYS = 38

	// retBadArch is what libseccomp does with calls through an ABI that is
	// not part of the filter.
	retBadArch = retKillThread
)

// action translates a profile's action and its error number.
func action(a specs.LinuxSeccompAction, errno *uint) (uint32, error) {
	data, takes := uint32(errnoEPERM), false
	if errno != nil {
		if *errno > 0xffff {
			return 0, fmt.Errorf("error number %d does not fit 16 bits", *errno)
		}
		data = uint32(*errno)
	}
	var ret uint32
	switch a {
	case specs.ActKill, specs.ActKillThread:
		ret = retKillThread
	case specs.ActKillProcess:
		ret = retKillProcess
	case specs.ActTrap:
		ret = retTrap
	case specs.ActErrno:
		ret, takes = retErrno|data, true
	case specs.ActTrace:
		ret, takes = retTrace|data, true
	case specs.ActAllow:
		ret = retAllow
	case specs.ActLog:
		ret = retLog
	case specs.ActNotify:
		ret = retNotify
	default:
		return 0, fmt.Errorf("unknown seccomp action %q", string(a))
	}
	if errno != nil && !takes {
		// "When the action doesn't support an errno, the runtime MUST print
		// and error and fail."
		return 0, fmt.Errorf("%s takes no error number", string(a))
	}
	return ret, nil
}

// compare is an operator of the profile.
type compare uint8

const (
	cmpNE compare = iota
	cmpLT
	cmpLE
	cmpEQ
	cmpGE
	cmpGT
	cmpMasked
)

func operator(o specs.LinuxSeccompOperator) (compare, bool) {
	switch o {
	case specs.OpNotEqual:
		return cmpNE, true
	case specs.OpLessThan:
		return cmpLT, true
	case specs.OpLessEqual:
		return cmpLE, true
	case specs.OpEqualTo:
		return cmpEQ, true
	case specs.OpGreaterEqual:
		return cmpGE, true
	case specs.OpGreaterThan:
		return cmpGT, true
	case specs.OpMaskedEqual:
		return cmpMasked, true
	}
	return 0, false
}

// cond is a condition on one argument: arg & mask, compared with value.
type cond struct {
	arg         uint8
	op          compare
	value, mask uint64
}

// rule is one syscalls entry of the profile.
type rule struct {
	names []string
	ret   uint32
	// sets are the alternatives: in each, all conditions must hold, and they
	// are sorted by argument. No sets: always.
	sets [][]cond
}

// profile is a checked specs.LinuxSeccomp.
type profile struct {
	def    uint32
	tail   bool // newer calls than those mentioned get ENOSYS
	notify bool
	abis   []abi // host first
	rules  []rule
}

func parse(p *specs.LinuxSeccomp, host abi) (*profile, error) {
	var (
		out profile
		err error
	)
	if p.DefaultAction == specs.ActNotify {
		return nil, fmt.Errorf("defaultAction: SCMP_ACT_NOTIFY cannot be used as default action")
	}
	if out.def, err = action(p.DefaultAction, p.DefaultErrnoRet); err != nil {
		return nil, fmt.Errorf("defaultAction: %w", err)
	}
	out.tail = p.DefaultAction == specs.ActErrno && p.DefaultErrnoRet == nil

	out.abis = append(make([]abi, 0, 4), host)
	for i, name := range p.Architectures {
		a := abiNamed(name)
		switch {
		case !archKnown(name):
			return nil, fmt.Errorf("architectures[%d]: unknown architecture %q", i, string(name))
		case a == abiNone || abis[a].kin != abis[host].kin || slices.Contains(out.abis, a):
			continue
		}
		out.abis = append(out.abis, a)
	}

	out.rules = make([]rule, len(p.Syscalls))
	for i := range p.Syscalls {
		if err := parseRule(&p.Syscalls[i], &out.rules[i]); err != nil {
			return nil, fmt.Errorf("syscalls[%d]%w", i, err)
		}
		if p.Syscalls[i].Action == specs.ActNotify {
			out.notify = true
		}
	}
	return &out, nil
}

// parseRule fills r from s. Its errors begin with the rest of the JSON path.
func parseRule(s *specs.LinuxSyscall, r *rule) (err error) {
	r.names = s.Names
	if len(s.Names) == 0 {
		return fmt.Errorf(".names: empty, at least one name is needed")
	}
	for i, name := range s.Names {
		if name == "" {
			return fmt.Errorf(".names[%d]: empty string is not a valid syscall", i)
		}
		// The runtime itself writes to the listener's socket under the filter:
		// it would wait for an agent that does not have the descriptor yet.
		if name == "write" && s.Action == specs.ActNotify {
			return fmt.Errorf(".action: SCMP_ACT_NOTIFY cannot be used for the write syscall")
		}
	}
	if r.ret, err = action(s.Action, s.ErrnoRet); err != nil {
		return fmt.Errorf(".action: %w", err)
	}
	if len(s.Args) == 0 {
		return nil
	}
	var used uint8
	twice := false
	conds := make([]cond, len(s.Args))
	for i := range s.Args {
		arg := &s.Args[i]
		if arg.Index > 5 {
			return fmt.Errorf(".args[%d].index: %d, system calls have arguments 0 to 5", i, arg.Index)
		}
		o, ok := operator(arg.Op)
		if !ok {
			return fmt.Errorf(".args[%d].op: unknown seccomp operator %q", i, string(arg.Op))
		}
		c := cond{arg: uint8(arg.Index), op: o, value: arg.Value, mask: ^uint64(0)}
		if o == cmpMasked {
			c.mask = arg.Value
			c.value = arg.ValueTwo & c.mask
		}
		conds[i] = c
		twice = twice || used&(1<<c.arg) != 0
		used |= 1 << c.arg
	}
	if twice {
		for i := range conds {
			r.sets = append(r.sets, conds[i:i+1:i+1])
		}
		return nil
	}
	slices.SortFunc(conds, func(a, b cond) int { return int(a.arg) - int(b.arg) })
	r.sets = [][]cond{conds}
	return nil
}
