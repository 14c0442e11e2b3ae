package seccomp

import (
	"math/rand"
	"slices"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/rung-oci/rung/libcontainer/internal/seccomp/libseccomp"
)

// reading answers a call straight from the profile, without any of the
// compiler's code but the tables of numbers: the set of actions of all rules
// that match, of which the filter must give one.
type reading struct {
	p *specs.LinuxSeccomp
}

func numeric(a specs.LinuxSeccompAction, errno *uint) uint32 {
	n := uint32(1)
	if errno != nil {
		n = uint32(*errno)
	}
	switch a {
	case specs.ActKillProcess:
		return 0x80000000
	case specs.ActTrap:
		return 0x30000
	case specs.ActErrno:
		return 0x50000 | n
	case specs.ActNotify:
		return 0x7fc00000
	case specs.ActTrace:
		return 0x7ff00000 | n
	case specs.ActLog:
		return 0x7ffc0000
	case specs.ActAllow:
		return 0x7fff0000
	}
	return 0
}

func matches(a specs.LinuxSeccompArg, v uint64, wide bool) bool {
	x, y := a.Value, a.ValueTwo
	if !wide {
		v, x, y = v&0xffffffff, x&0xffffffff, y&0xffffffff
	}
	switch a.Op {
	case specs.OpNotEqual:
		return v != x
	case specs.OpLessThan:
		return v < x
	case specs.OpLessEqual:
		return v <= x
	case specs.OpEqualTo:
		return v == x
	case specs.OpGreaterEqual:
		return v >= x
	case specs.OpGreaterThan:
		return v > x
	}
	return v&x == y&x
}

// answers returns the actions that apply to a call of the i386 or x86_64 ABI by
// number. A rule without conditions is alone; none at all is the default.
func (r reading) answers(a abi, d *data) []uint32 {
	var out []uint32
	def := numeric(r.p.DefaultAction, r.p.DefaultErrnoRet)
	for _, s := range r.p.Syscalls {
		act := numeric(s.Action, s.ErrnoRet)
		if act == def {
			continue
		}
		for _, name := range s.Names {
			n, ok := resolve(name, a)
			if !ok {
				continue
			}
			for _, sub := range []bool{false, true} {
				nr, args := n.direct, s.Args
				twice := false
				for i := range args {
					twice = twice || slices.ContainsFunc(args[:i], func(b specs.LinuxSeccompArg) bool { return b.Index == args[i].Index })
				}
				if sub {
					nr = n.mux
				}
				if nr < 0 || uint32(nr) != d.nr {
					continue
				}
				test := func(args []specs.LinuxSeccompArg) (match, always bool) {
					match, always = true, true
					if sub {
						args = slices.DeleteFunc(slices.Clone(args), func(b specs.LinuxSeccompArg) bool { return b.Index == 0 })
						args = append(args, specs.LinuxSeccompArg{Index: 0, Op: specs.OpEqualTo, Value: uint64(n.subcall)})
					}
					for _, arg := range args {
						match = match && matches(arg, d.args[arg.Index], abis[a].wide)
						mask := arg.Value
						if !abis[a].wide {
							mask = uint64(uint32(mask))
						}
						always = always && arg.Op == specs.OpMaskedEqual && mask == 0
					}
					return match, always
				}
				sets := [][]specs.LinuxSeccompArg{args}
				if twice {
					sets = nil
					for i := range args {
						sets = append(sets, args[i:i+1])
					}
				}
				for _, set := range sets {
					match, always := test(set)
					if always {
						return []uint32{act}
					}
					if match && !slices.Contains(out, act) {
						out = append(out, act)
					}
				}
			}
		}
	}
	if len(out) == 0 {
		return []uint32{def}
	}
	return out
}

// profileMaker makes profiles out of random numbers or a fuzzer's bytes.
type profileMaker struct {
	intn func(n int) int
	// sound keeps to what libseccomp understands: see order.
	sound bool
}

var (
	// The last two exist on i386 only.
	makerNames   = []string{"mprotect", "socket", "connect", "shmat", "read", "clone", "openat2", "ioctl", "_llseek", "socketcall"}
	makerActions = []specs.LinuxSeccompAction{
		specs.ActAllow, specs.ActTrap, specs.ActErrno, specs.ActLog, specs.ActKillProcess, specs.ActKill, specs.ActTrace,
	}
	makerOps = []specs.LinuxSeccompOperator{
		specs.OpEqualTo, specs.OpNotEqual, specs.OpLessThan, specs.OpLessEqual, specs.OpGreaterEqual, specs.OpGreaterThan,
		specs.OpMaskedEqual,
	}
	makerValues = []uint64{0, 1, 2, 3, 7, 8, 0x80000000, 0xfffffffe, 0xffffffff, 0x100000000, 0x100000001, 0x2_00000002, 1<<63 + 2, 1<<64 - 1}
)

func (m profileMaker) profile() *specs.LinuxSeccomp {
	p := &specs.LinuxSeccomp{DefaultAction: makerActions[m.intn(len(makerActions))]}
	errno := func(a specs.LinuxSeccompAction) *uint {
		if (a != specs.ActErrno && a != specs.ActTrace) || m.intn(2) == 0 {
			return nil
		}
		n := uint(m.intn(100))
		return &n
	}
	p.DefaultErrnoRet = errno(p.DefaultAction)
	for _, a := range []specs.Arch{specs.ArchX86_64, specs.ArchX86, specs.ArchX32} {
		if m.intn(3) > 0 {
			p.Architectures = append(p.Architectures, a)
		}
	}
	var ops []specs.LinuxSeccompOperator
	args, values, names := 6, makerValues, makerNames
	if ops = makerOps; m.sound {
		// With x32 listed and a name that x86_64 lacks, libseccomp may compare
		// the number without having loaded it.
		names = names[:8]
		// Either EQ only, or one argument with small values and no masks (after
		// a masked comparison libseccomp may go on with the masked value).
		if m.intn(2) == 0 {
			ops = ops[:1]
		} else {
			ops, args, values = ops[:6], 1, values[:6]
		}
	}
	for range 1 + m.intn(5) {
		s := specs.LinuxSyscall{Action: makerActions[m.intn(len(makerActions))]}
		s.ErrnoRet = errno(s.Action)
		for range 1 + m.intn(2) {
			s.Names = append(s.Names, names[m.intn(len(names))])
		}
		for range m.intn(4) {
			s.Args = append(s.Args, specs.LinuxSeccompArg{
				Index: uint(m.intn(args)), Op: ops[m.intn(len(ops))],
				Value: values[m.intn(len(values))], ValueTwo: values[m.intn(len(values))],
			})
		}
		p.Syscalls = append(p.Syscalls, s)
	}
	return p
}

// calls returns calls worth trying on a filter for p.
func (m profileMaker) calls(p *specs.LinuxSeccomp) []data {
	var out []data
	values := argValues(p)
	if m.sound {
		values = slices.DeleteFunc(values, func(v uint64) bool { return v >= 1<<32 })
	}
	for _, a := range []abi{abiX8664, abiX86, abiX32} {
		for _, s := range p.Syscalls {
			for _, name := range s.Names {
				n, ok := resolve(name, a)
				if !ok {
					continue
				}
				for _, nr := range []int32{n.direct, n.mux} {
					for range 24 {
						d := data{nr: uint32(nr), arch: abis[a].audit}
						for i := range d.args {
							d.args[i] = values[m.intn(len(values))]
						}
						if nr == n.mux && m.intn(2) == 0 {
							d.args[0] = uint64(n.subcall)
						}
						out = append(out, d)
					}
				}
			}
		}
	}
	return out
}

// checkProfile compares the filter for p with the reading of it, and with
// libseccomp where that can be trusted.
func checkProfile(t testing.TB, m profileMaker) {
	t.Helper()
	p := m.profile()
	if libraryBuild && !m.sound {
		return // see highWords, mixedArguments, maskedArgument and x32WithoutName of libraryDiffers
	}
	if _, err := Compile(p); conflicts(t, err) {
		return
	}
	prog := mustCompile(t, p)
	var lib []insn
	if m.sound {
		var err error
		if lib, err = oracle(t, p); err != nil {
			lib = nil // contradictory rules
		}
	}
	tail := p.DefaultAction == specs.ActErrno && p.DefaultErrnoRet == nil
	for _, d := range m.calls(p) {
		a := abiX86
		if d.arch == abis[abiX8664].audit {
			if a = abiX8664; d.nr >= x32Bit && d.nr != ^uint32(0) {
				a = abiX32
			}
		}
		want := []uint32{retKillThread}
		if a == native || slices.Contains(p.Architectures, abis[a].name) {
			want = reading{p}.answers(a, &d)
		}
		got := run(prog, &d)
		if tail && got == retErrno|errnoENOSYS && slices.Equal(want, []uint32{retErrno | errnoEPERM}) {
			continue
		}
		if !slices.Contains(want, got) {
			t.Fatalf("%s nr %d args %x: got %#x, the profile says %x\n%+v", abis[a].name, d.nr, d.args, got, want, p)
		}
		// Which of several rules wins is pinned by TestCompile_precedence.
		if lib != nil && len(want) == 1 && run(lib, &d) != got {
			t.Fatalf("%s nr %d args %x: got %#x, libseccomp %#x, reading %x\n%+v", abis[a].name, d.nr, d.args, got, run(lib, &d), want, p)
		}
	}
}

func TestCompile_randomProfiles(t *testing.T) {
	if native != abiX8664 {
		t.Skip("the numbers tried are those of x86")
	}
	rng := rand.New(rand.NewSource(1))
	for i := range 3000 {
		checkProfile(t, profileMaker{rng.Intn, i%2 == 0})
	}
}

func FuzzSeccomp(f *testing.F) {
	f.Add([]byte("a profile"), true)
	f.Add([]byte{1, 0, 2, 255, 3, 7, 9, 11, 5, 0, 0, 6, 3, 1, 200, 31, 8}, false)
	f.Fuzz(func(t *testing.T, b []byte, sound bool) {
		at := 0
		seed := uint32(2166136261)
		// Past the input, numbers go on from a hash of it.
		checkProfile(t, profileMaker{func(n int) int {
			v := uint32(at)
			if at < len(b) {
				v = uint32(b[at])
			}
			at++
			seed = (seed ^ v) * 16777619
			if at <= len(b) {
				return int(v) % n
			}
			return int(seed>>8) % n
		}, sound})
	})
}

// TestCompile_precedence pins which of two overlapping rules wins, as found in
// libseccomp 2.5.4, and checks that libseccomp still agrees.
func TestCompile_precedence(t *testing.T) {
	if native != abiX8664 {
		t.Skip("the numbers tried are those of x86")
	}
	const ne, lt, le, eq, ge, gt, mask = specs.OpNotEqual, specs.OpLessThan, specs.OpLessEqual, specs.OpEqualTo,
		specs.OpGreaterEqual, specs.OpGreaterThan, specs.OpMaskedEqual
	type args = []specs.LinuxSeccompArg
	one := func(op specs.LinuxSeccompOperator, v ...uint64) args {
		return args{{Index: 0, Op: op, Value: v[0], ValueTwo: append(v, 0)[1]}}
	}
	both := args{{Index: 0, Op: eq, Value: 3}, {Index: 1, Op: eq, Value: 3}}
	const first, second = retLog, retTrap
	for _, c := range []struct {
		name    string
		a, b    args
		v       uint64
		want    uint32 // with a before b
		swapped uint32 // with b before a: same meaning of first and second
		refused bool   // libseccomp does not take it in one order
	}{
		{"two without conditions", nil, nil, 3, first, second, false},
		{"without conditions beats with", one(eq, 3), nil, 3, second, second, false},
		{"EQ before GE", one(eq, 3), one(ge, 1), 3, first, first, false},
		{"EQ before LE", one(eq, 3), one(le, 9), 3, first, first, false},
		{"NE before GT", one(ne, 1), one(gt, 1), 3, first, first, false},
		{"NE before LT", one(ne, 1), one(lt, 9), 3, first, first, false},
		{"NE: larger value first", one(ne, 2), one(ne, 1), 3, first, first, false},
		{"EQ of a larger value before NE", one(eq, 3), one(ne, 1), 3, first, first, false},
		{"EQ of a smaller value after NE", one(eq, 3), one(ne, 5), 3, second, second, false},
		{"masked: larger value first", one(mask, 2, 2), one(mask, 1, 1), 3, first, first, false},
		{"masked, same value: profile's order", one(mask, 1, 1), one(mask, 3, 1), 5, first, second, false},
		{"masked and EQ on a 64-bit ABI: profile's order", one(eq, 3), one(mask, 1, 1), 3, first, second, false},
		{"masked before GE", one(mask, 1, 1), one(ge, 1), 3, first, first, false},
		{"an empty mask is no condition", one(mask, 0, 7), one(eq, 3), 3, first, first, false},
		{"LT before GE", one(lt, 5), one(ge, 2), 3, first, first, false},
		{"LE before GT", one(le, 5), one(gt, 2), 3, first, first, false},
		{"LT: smaller value first", one(lt, 4), one(lt, 9), 3, first, first, false},
		{"LE and LT of one value: profile's order", one(le, 4), one(lt, 4), 3, first, second, false},
		{"GE: larger value first", one(ge, 3), one(ge, 2), 3, first, first, false},
		{"GE and GT of one value: profile's order", one(ge, 2), one(gt, 2), 3, first, second, false},
		{"higher argument first", args{{Index: 1, Op: eq, Value: 3}}, one(eq, 3), 3, first, first, false},
		{"the same condition twice", one(eq, 3), one(eq, 3), 3, first, second, true},
		{"fewer conditions first", one(eq, 3), both, 3, first, first, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			rule := func(a args, act specs.LinuxSeccompAction) specs.LinuxSyscall {
				return specs.LinuxSyscall{Names: []string{"mprotect"}, Action: act, Args: a}
			}
			x, y := rule(c.a, specs.ActLog), rule(c.b, specs.ActTrap)
			for i, rules := range [][]specs.LinuxSyscall{{x, y}, {y, x}} {
				want := [2]uint32{c.want, c.swapped}[i]
				p := &specs.LinuxSeccomp{DefaultAction: specs.ActErrno, Syscalls: rules}
				d := data{nr: 10, arch: abis[abiX8664].audit, args: [6]uint64{c.v, c.v, c.v}}
				if _, err := Compile(p); c.refused && conflicts(t, err) {
					continue
				}
				if got := run(mustCompile(t, p), &d); got != want {
					t.Errorf("order %d: got %#x, want %#x", i, got, want)
				}
				lib, err := oracle(t, p)
				if err != nil {
					if !c.refused {
						t.Error(err)
					}
					continue
				}
				if got := run(lib, &d); got != want {
					t.Errorf("order %d: libseccomp has %#x, we %#x", i, got, want)
				}
			}
		})
	}
}

// TestCompile_notLibseccompsMistakes has the cases in which the profile is
// followed and libseccomp 2.5.4 does not: mistake is its answer.
func TestCompile_notLibseccompsMistakes(t *testing.T) {
	if native != abiX8664 {
		t.Skip("the numbers tried are those of x86")
	}
	allow := func(a ...specs.LinuxSeccompArg) specs.LinuxSyscall {
		return specs.LinuxSyscall{Names: []string{"mprotect"}, Action: specs.ActAllow, Args: a}
	}
	for _, c := range []struct {
		name  string
		rules []specs.LinuxSyscall
		args  [6]uint64
		want  uint32

		difference string
		mistake    uint32
	}{
		{
			"different high words, none matches",
			[]specs.LinuxSyscall{
				allow(specs.LinuxSeccompArg{Index: 0, Op: specs.OpLessThan, Value: 3}),
				allow(specs.LinuxSeccompArg{Index: 0, Op: specs.OpGreaterEqual, Value: 0x200000002}),
			},
			[6]uint64{0xffffffff}, retErrno | errnoEPERM,
			highWords, retAllow,
		},
		{
			"different high words, one matches",
			[]specs.LinuxSyscall{
				allow(specs.LinuxSeccompArg{Index: 0, Op: specs.OpLessThan, Value: 0x200000002}),
				allow(specs.LinuxSeccompArg{Index: 0, Op: specs.OpLessThan, Value: 0}),
			},
			[6]uint64{2}, retAllow,
			highWords, retErrno | errnoEPERM,
		},
		{
			"two arguments, the second rule matches",
			[]specs.LinuxSyscall{
				allow(specs.LinuxSeccompArg{Index: 0, Op: specs.OpLessEqual, Value: 0}),
				allow(specs.LinuxSeccompArg{Index: 0, Op: specs.OpNotEqual, Value: 2}, specs.LinuxSeccompArg{Index: 1, Op: specs.OpLessEqual, Value: 1}),
			},
			[6]uint64{0, 2}, retAllow,
			mixedArguments, retErrno | errnoEPERM,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := &specs.LinuxSeccomp{DefaultAction: specs.ActErrno, Syscalls: c.rules}
			d := data{nr: 10, arch: abis[abiX8664].audit, args: c.args}
			got := run(mustCompile(t, p), &d)
			if got == c.mistake && differs(t, c.difference) {
				return
			}
			if got != c.want {
				t.Errorf("got %#x, want %#x", got, c.want)
			}
			// A library that has learnt it takes a line off libraryDiffers.
			lib, err := oracle(t, p)
			if err != nil {
				t.Fatal(err)
			}
			if theirs := run(lib, &d); theirs != c.mistake && theirs != c.want {
				t.Errorf("libseccomp %s has %#x, want %#x or its mistake %#x", libseccomp.Version(), theirs, c.want, c.mistake)
			} else if theirs == c.want {
				t.Logf("libseccomp %s has it right", libseccomp.Version())
			}
		})
	}
}
