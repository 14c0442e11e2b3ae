package seccomp

import (
	"path/filepath"
	"testing"
)

func BenchmarkCompile_default(b *testing.B) {
	p := fixture(b, "default.json")
	var n int
	for b.Loop() {
		f, err := Compile(p)
		if err != nil {
			b.Fatal(err)
		}
		n = len(f.Instructions) / 8
	}
	b.ReportMetric(float64(n), "insns")
}

func BenchmarkCache_hit(b *testing.B) {
	p := fixture(b, "default.json")
	c := Cache{Dir: filepath.Join(b.TempDir(), "bpf")}
	if _, err := c.Compile(p); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if f, err := c.Compile(p); err != nil || f == nil {
			b.Fatal(err)
		}
	}
}

// What exec asks of a filter before it loads that early.
func BenchmarkRefused_default(b *testing.B) {
	f, err := Compile(fixture(b, "default.json"))
	if err != nil {
		b.Fatal(err)
	}
	calls := []Call{
		{Name: "clone", Args: []uint64{0x9000}}, {Name: "sendmsg"}, {Name: "setsid"}, {Name: "newfstatat"}, {Name: "mmap"},
		{Name: "rt_sigaction"}, {Name: "recvmsg"}, {Name: "execve"}, {Name: "accept4"}, {Name: "read"}, {Name: "close"},
	}
	for b.Loop() {
		if call := f.Refused(calls); call != "" {
			b.Fatal(call)
		}
	}
}

func BenchmarkKeyOf_default(b *testing.B) {
	p := fixture(b, "default.json")
	for b.Loop() {
		keyOf(p)
	}
}

func BenchmarkLibseccomp_default(b *testing.B) {
	p := fixture(b, "default.json")
	for b.Loop() {
		if _, err := oracle(b, p); err != nil {
			b.Fatal(err)
		}
	}
}
