package devices

import (
	"strings"
	"testing"

	"github.com/rung-oci/rung/libcontainer/internal/cgroup/limit"
	"github.com/rung-oci/rung/libcontainer/internal/plan"
)

// rules reads "+c 1:3 rw; -b *:* m; +a".
func rules(t testing.TB, text string) (list []plan.DeviceRule) {
	t.Helper()
	for part := range strings.SplitSeq(text, ";") {
		f := strings.Fields(part)
		if len(f) == 0 {
			continue
		}
		r := plan.DeviceRule{Allow: f[0][0] == '+', Type: f[0][1], Major: plan.AnyDevice, Minor: plan.AnyDevice, Access: plan.DeviceAll}
		if len(f) == 3 {
			major, minor, _ := strings.Cut(f[1], ":")
			r.Major, r.Minor, r.Access = number(major), number(minor), access(f[2])
		} else if r.Type != 'a' {
			t.Fatalf("bad rule %q", part)
		}
		list = append(list, r)
	}
	return list
}

func access(s string) (a plan.DeviceAccess) {
	for _, c := range s {
		switch c {
		case 'r':
			a |= plan.DeviceRead
		case 'w':
			a |= plan.DeviceWrite
		case 'm':
			a |= plan.DeviceMknod
		}
	}
	return a
}

func text(list []limit.Write) string {
	var b strings.Builder
	for i, w := range list {
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(strings.TrimPrefix(w.File, "devices.") + " " + w.Value)
	}
	return b.String()
}

const runtimeRules = "; +c *:* m; +b *:* m; +c 1:3 rwm; +c 1:5 rwm; +c 5:0 rwm; +c 136:* rwm"

func TestExceptions_Fresh(t *testing.T) {
	for _, c := range []struct{ name, rules, want string }{
		{"nothing allowed", "", "deny a"},
		{"everything allowed", "+a", ""},
		{"everything allowed at last", "-a; +c 1:3 r; +a", ""},
		{"everything, and then again more", "+a; +c 1:3 rwm", ""},
		{"the runtime's own", "-a" + runtimeRules, "deny a; allow c 1:3 rwm; allow c 1:5 rwm; allow c 5:0 rwm; allow c 136:* rwm; allow c *:* m; allow b *:* m"},
		{"privileged with the runtime's own", "+a" + runtimeRules, ""},
		{"accesses of one device come together", "+c 1:3 r; +c 1:3 w", "deny a; allow c 1:3 rw"},
		{"accesses of overlapping patterns too", "+c 1:* r; +c *:3 w", "deny a; allow c 1:3 rw; allow c 1:* r; allow c *:3 w"},
		{"as the config says it, in its order", "-a; +c 10:229 rwm; +b 8:20 rw; +b 10:200 r; +c *:* m; +b *:* m", "deny a; allow c 10:229 rwm; allow b 8:20 rw; allow b 10:200 r; allow c *:* m; allow b *:* m"},
		{"reading by a wider rule, and reading and writing at once", "+c 1:* r; +c 1:3 w", "deny a; allow c 1:3 rw; allow c 1:* r"},
		{"allowed and denied again", "+c 1:3 rwm; -c 1:3 w", "deny a; allow c 1:3 rm"},
		{"denied as a whole by a wider rule", "+c 1:3 rwm; -c 1:* rwm", "deny a"},
		{"denied under what follows", "-c 10:229 rwm" + runtimeRules, "deny a; allow c 1:3 rwm; allow c 1:5 rwm; allow c 5:0 rwm; allow c 136:* rwm; allow c *:* m; allow b *:* m"},
		{"all of one kind but one", "+c *:* rwm; -c 10:229 rw" + runtimeRules, "allow a; deny c 10:229 rw; deny b *:* rw"},
		{"all of both kinds but a major", "+c *:* rwm; +b *:* rwm; -b 8:* w", "allow a; deny b 8:* w"},
		{"nothing of one kind but one", "+a; -c *:* rwm; -b *:* rwm; +b 8:0 r", "deny a; allow b 8:0 r"},
		{"all but one", "+a; -c 10:200 rw", "allow a; deny c 10:200 rw"},
		{"all but one, from which something is taken", "+a; -c 10:200 rwm; +c *:* m", "allow a; deny c 10:200 rw"},
	} {
		t.Run(c.name, func(t *testing.T) {
			table := Of(rules(t, c.rules))
			x, err := table.V1()
			if err != nil {
				t.Fatal(err)
			}
			if got := text(x.Fresh()); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestTable_V1_holes(t *testing.T) {
	for _, c := range []struct{ name, rules, want string }{
		{"denied below allowed", "+c 1:* rwm; -c 1:3 w", "cgroup v1 cannot deny c 1:3 w: c 1:* is allowed as a whole"},
		{"denied below allowed, with the runtime's own", "+c 10:* rwm; -c 10:229 rwm" + runtimeRules, "cgroup v1 cannot deny c 10:229"},
		{"allowed below denied", "+a; -c 1:* rw; +c 1:3 r", "cgroup v1 cannot allow c 1:3 r: c 1:* is denied as a whole"},
	} {
		t.Run(c.name, func(t *testing.T) {
			table := Of(rules(t, c.rules))
			if _, err := table.V1(); err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "linux.resources.devices: ") {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestExceptions_From(t *testing.T) {
	for _, c := range []struct{ name, list, rules, want string }{
		{"what is there already", "c 1:3 rwm\nc 136:* rwm\n", "+c 1:3 rwm; +c 136:* rwm", ""},
		{"more of one, another less", "c 1:3 r\nc 5:0 rwm", "+c 1:3 rw", "allow c 1:3 w; deny c 5:0 rwm"},
		{"less of one", "c 1:3 rwm", "+c 1:3 r", "deny c 1:3 wm"},
		{"from everything", "a *:* rwm\n", "+c 1:3 r", "deny a; allow c 1:3 r"},
		{"to everything", "c 1:3 rwm\n", "+a", "allow a"},
		{"from nothing", "", "+b 8:0 r", "allow b 8:0 r"},
	} {
		t.Run(c.name, func(t *testing.T) {
			table := Of(rules(t, c.rules))
			x, err := table.V1()
			if err != nil {
				t.Fatal(err)
			}
			if got := text(x.From(c.list)); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestTable_AllowsAll(t *testing.T) {
	for text, want := range map[string]bool{
		"": false, "-a": false, "+a": true, "+a" + runtimeRules: true, "+a; -c 1:3 r": false, "+a; -c 1:3 r; +c 1:3 rwm": true,
		"+c *:* rwm; +b *:* rwm": false, // says the same, as two entries
	} {
		if table := Of(rules(t, text)); table.AllowsAll() != want {
			t.Errorf("%q: %v", text, !want)
		}
	}
}

// asked is one request.
type asked struct {
	kind         byte
	major, minor int64
	access       plan.DeviceAccess
}

// reading is what rules mean: the last that speaks of an access decides on it.
func reading(rules []plan.DeviceRule, q asked) bool {
	for bit := plan.DeviceMknod; bit <= plan.DeviceWrite; bit <<= 1 {
		if q.access&bit == 0 {
			continue
		}
		allowed := false
		for _, r := range rules {
			speaks := r.Type == 'a' || r.Type == q.kind && (r.Major == plan.AnyDevice || r.Major == q.major) &&
				(r.Minor == plan.AnyDevice || r.Minor == q.minor) && r.Access&bit != 0
			if speaks {
				allowed = r.Allow
			}
		}
		if !allowed {
			return false
		}
	}
	return true
}

// run is the kernel's reading of a program.
func run(t testing.TB, p []Instruction, q asked) bool {
	kind := uint64(bpfChar)
	if q.kind == 'b' {
		kind = bpfBlock
	}
	context := map[int16]uint64{0: uint64(q.access)<<16 | kind, 4: uint64(uint32(q.major)), 8: uint64(uint32(q.minor))}
	var reg [11]uint64
	for pc := 0; ; pc++ {
		if pc < 0 || pc >= len(p) {
			t.Fatalf("the program leaves itself at %d", pc)
		}
		i := p[pc]
		dst, src := i.Regs&15, i.Regs>>4
		switch i.Op {
		case opLoad32:
			v, ok := context[i.Off]
			if !ok || src != regContext {
				t.Fatalf("instruction %d loads from %d", pc, i.Off)
			}
			reg[dst] = v
		case opMov:
			reg[dst] = uint64(int64(i.Imm))
		case opMovReg:
			reg[dst] = reg[src]
		case opAnd:
			reg[dst] &= uint64(int64(i.Imm))
		case opShift:
			reg[dst] >>= uint(i.Imm)
		case opJump:
			pc += int(i.Off)
		case opJumpEq:
			if uint32(reg[dst]) == uint32(i.Imm) {
				pc += int(i.Off)
			}
		case opJumpNe:
			if uint32(reg[dst]) != uint32(i.Imm) {
				pc += int(i.Off)
			}
		case opExit:
			return reg[regResult] != 0
		default:
			t.Fatalf("instruction %d: operation %#x", pc, i.Op)
		}
	}
}

// group is a v1 group as security/device_cgroup.c keeps it.
type group struct {
	allowOthers bool
	list        []Entry
}

func (g *group) write(t testing.TB, w limit.Write) {
	allow := w.File == allowFile
	if w.Value == "a" {
		g.allowOthers, g.list = allow, nil
		return
	}
	one, ok := parseList(w.Value + "\n")
	if !ok || len(one) != 1 {
		t.Fatalf("the kernel would not take %q", w.Value)
	}
	e := one[0]
	for i := range g.list {
		if g.list[i].same(&e) {
			if allow != g.allowOthers {
				g.list[i].Allow |= e.Allow
			} else {
				g.list[i].Allow &^= e.Allow
			}
			return
		}
	}
	if allow != g.allowOthers {
		g.list = append(g.list, e)
	}
}

func (g *group) allows(q asked) bool {
	point := Entry{Type: q.kind, Major: q.major, Minor: q.minor}
	for i := range g.list {
		e := &g.list[i]
		if !e.covers(&point) {
			continue
		}
		if g.allowOthers && e.Allow&q.access != 0 {
			return false
		}
		if !g.allowOthers && q.access&^e.Allow == 0 {
			return true
		}
	}
	return g.allowOthers
}

func (g *group) String() string {
	if g.allowOthers {
		return "a *:* rwm\n"
	}
	var b strings.Builder
	for i := range g.list {
		if g.list[i].Allow != 0 {
			b.WriteString(g.list[i].rule() + "\n")
		}
	}
	return b.String()
}

// requests are all that a few numbers make; numbers of rules are among them.
func requests(yield func(asked) bool) {
	for _, kind := range []byte{'b', 'c'} {
		for major := range int64(4) {
			for minor := range int64(4) {
				for a := plan.DeviceMknod; a <= plan.DeviceAll; a++ {
					if a&plan.DeviceMknod != 0 && a != plan.DeviceMknod {
						continue // the kernel asks for a node by itself
					}
					if !yield(asked{kind, major, minor, a}) {
						return
					}
				}
			}
		}
	}
}

// fuzzRules makes rules of bytes, three a rule, of small numbers, so that they
// meet often.
func fuzzRules(data []byte) (list []plan.DeviceRule) {
	for ; len(data) >= 3 && len(list) < 12; data = data[3:] {
		r := plan.DeviceRule{
			Allow: data[0]&1 == 0, Type: "ccbbcca"[int(data[0]>>1)%7], Major: int64(data[1]%4) - 1, Minor: int64(data[1]>>4%4) - 1,
			Access: plan.DeviceAccess(data[2])%7 + 1,
		}
		list = append(list, r)
	}
	return list
}

// Every way to say the rules says the same; the v1 group also at each step
// between two sets of them.
func FuzzRules(f *testing.F) {
	f.Add([]byte{}, []byte{0, 0, 7})
	f.Add([]byte{0, 0x11, 1, 0, 0x02, 2}, []byte{12, 0, 0, 1, 0x12, 7})
	f.Add([]byte{0, 0x12, 1, 1, 0x02, 2, 0, 0x32, 3}, []byte{1, 0x12, 7})
	f.Fuzz(func(t *testing.T, a, b []byte) {
		before, after := fuzzRules(a), fuzzRules(b)
		check(t, before)
		check(t, after)
		transition(t, before, after)
	})
}

func check(t *testing.T, rules []plan.DeviceRule) {
	table := Of(rules)
	p, err := table.Program()
	if err != nil {
		t.Fatal(err)
	}
	for q := range requests {
		if want, got := reading(rules, q), run(t, p, q); got != want {
			t.Fatalf("rules %v, asked %c %d:%d %s: the program says %v, not %v\ntable %+v", rules, q.kind, q.major, q.minor, q.access, got, want, table)
		}
	}
	x, err := table.V1()
	if err != nil {
		return // holes
	}
	g := group{allowOthers: true}
	for _, w := range x.Fresh() {
		g.write(t, w)
	}
	for q := range requests {
		if want, got := reading(rules, q), g.allows(q); got != want {
			t.Fatalf("rules %v, asked %c %d:%d %s: the v1 group says %v, not %v\n%s\n%s", rules, q.kind, q.major, q.minor, q.access, got, want, text(x.Fresh()), &g)
		}
	}
}

func transition(t *testing.T, before, after []plan.DeviceRule) {
	from, to := Of(before), Of(after)
	x, err := from.V1()
	y, err2 := to.V1()
	if err != nil || err2 != nil {
		return
	}
	g := group{allowOthers: true}
	for _, w := range x.reset() {
		g.write(t, w)
	}
	both := !g.allowOthers && !y.AllowOthers
	list := y.From(g.String())
	for i, w := range list {
		g.write(t, w)
		for q := range requests {
			was, will, is := reading(before, q), reading(after, q), g.allows(q)
			last := i == len(list)-1
			// in between, old and new accesses of a device may be had in one request
			kept := both && was == will && (was || q.access&(q.access-1) == 0)
			if (last || kept) && is != will {
				t.Fatalf("from %v to %v, after %d of %s: asked %c %d:%d %s, allowed: %v", before, after, i+1, text(list), q.kind, q.major, q.minor, q.access, is)
			}
		}
	}
}

// Numbers with the highest bit must not be taken for negative ones.
func TestTable_Program_largeNumbers(t *testing.T) {
	r := []plan.DeviceRule{{Allow: true, Type: 'c', Major: 1<<32 - 1, Minor: 1 << 31, Access: plan.DeviceAll}}
	table := Of(r)
	p, err := table.Program()
	if err != nil {
		t.Fatal(err)
	}
	if !run(t, p, asked{'c', 1<<32 - 1, 1 << 31, plan.DeviceRead}) || run(t, p, asked{'c', 1<<32 - 1, 1, plan.DeviceRead}) {
		t.Error("the program takes other numbers")
	}
}

func TestTable_Program_tooMany(t *testing.T) {
	var list []plan.DeviceRule
	for i := range int64(maxEntries + 1) {
		list = append(list, plan.DeviceRule{Allow: true, Type: 'c', Major: 1, Minor: i, Access: plan.DeviceRead})
	}
	table := Of(list)
	if _, err := table.Program(); err == nil {
		t.Error("no error")
	}
	table.Entries = table.Entries[:maxEntries]
	p, err := table.Program()
	if err != nil {
		t.Fatal(err)
	}
	for _, minor := range []int64{0, maxEntries - 1} {
		if !run(t, p, asked{'c', 1, minor, plan.DeviceRead}) || run(t, p, asked{'c', 1, minor, plan.DeviceWrite}) {
			t.Errorf("jumps over the longest program go astray for %d", minor)
		}
	}
	if run(t, p, asked{'c', 1, maxEntries, plan.DeviceRead}) {
		t.Error("jumps over the longest program go astray")
	}
}

func BenchmarkOf(b *testing.B) {
	list := rules(b, "-a; +c 1:3 rwm; +c 1:5 rwm; +c 1:7 rwm; +c 1:8 rwm; +c 1:9 rwm; +c 5:0 rwm; +c 5:2 rwm"+runtimeRules)
	for b.Loop() {
		table := Of(list)
		if _, err := table.Program(); err != nil {
			b.Fatal(err)
		}
	}
}
