package integration

import (
	"debug/elf"
	"debug/gosym"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A command asks the kernel for exactly what tests/budget says, for one bundle. A number that rises needs a reason, and
// one that falls is gained for good: either way the new number goes into the file, with the reason in the commit. What Go's
// runtime does is not counted (tests/cmd/count), so neither a busy machine nor another release of Go changes a number.
func TestBudget(t *testing.T) {
	requires(t, "rt:rung", "cgroupv2", "no-systemd") // the one view in which all hosts are alike: no controller, one hierarchy
	if controllers := strings.Fields(readFile(t, "/sys/fs/cgroup/cgroup.controllers")); slices.Contains(controllers, "memory") {
		recordSkip(t.Name(), "without:v2:memory", unix.EBUSY)
		t.Skip("the numbers are those of a hierarchy without controllers")
	}
	limits := readBudget(t)
	got, calls := map[string]int{}, map[string][]string{}
	b := newBundle(t)
	code := filepath.Join(b.Dir, "runtime-code")
	if err := os.WriteFile(code, runtimeCode(t, runtimePath), 0o644); err != nil {
		t.Fatal(err)
	}
	// The counts of bytes read have the id in them, and the name of the cgroup.
	b.ID = "budget"
	b.ids = []string{b.ID}
	b.Spec.Hostname, b.Spec.Linux.CgroupsPath = b.ID, fmt.Sprintf("/rit-%d-%020d", os.Getpid(), serial.Add(1))
	b.Spec.Process.Args = []string{"/probe", "--exit", "0"}
	count := func(name string, args ...string) {
		t.Helper()
		file := filepath.Join(b.Dir, "count")
		b.Wrap = []string{filepath.Join(repository, "tests/bin/count"), file, code}
		defer func() { b.Wrap = nil }()
		b.must(args...)
		for line := range strings.Lines(readFile(t, file)) {
			f := strings.Fields(line)
			if len(f) == 3 { // one system call of many
				calls[name] = append(calls[name], f[1]+"×"+f[2])
				continue
			}
			n, err := strconv.Atoi(f[1])
			if err != nil {
				t.Fatal(err)
			}
			got[name+" "+f[0]] = n
		}
	}
	b.writeConfig()
	b.must("run", "--bundle", b.Dir, b.ID) // the first on a host turns controllers on, for all that follow
	count("run", "run", "--bundle", b.Dir, b.ID)
	b.Spec.Process.Args = []string{"/probe", "--until-term"}
	b.writeConfig()
	count("create", "create", "--bundle", b.Dir, b.ID)
	count("state", "state", b.ID)
	count("start", "start", b.ID)
	count("exec", "exec", b.ID, "/probe", "--exit", "0")
	pid := b.state().Pid
	count("kill", "kill", b.ID, "KILL")
	waitExit(t, pid, patience)
	count("delete", "delete", b.ID)

	for name, want := range limits {
		switch n, ok := got[name]; {
		case !ok:
			t.Errorf("tests/budget: nothing counts %q", name)
		case strings.HasSuffix(name, ".read"):
			// The records hold pids, timestamps and paths, whose lengths vary.
			if n > want+want/20+64 || n < want-want/20-64 {
				t.Errorf("%s: %d bytes, tests/budget says %d", name, n, want)
			}
		case n != want:
			command, _, _ := strings.Cut(name, " ")
			t.Errorf("%s: %d, tests/budget says %d (system calls by number: %s)", name, n, want, strings.Join(calls[command], " "))
		}
	}
	for name, n := range got {
		if _, ok := limits[name]; !ok {
			t.Errorf("tests/budget has no line %s %d", name, n)
		}
	}
}

// Packages that run code before main cost every command. Go's own are not counted: a release of Go may add one.
func TestBudget_package_initializers(t *testing.T) {
	requires(t, "rt:rung")
	b := newBundle(t)
	b.Env = []string{"GODEBUG=inittrace=1"}
	var ours []string
	for line := range strings.Lines(b.runtime("--version").Stderr) {
		// init PACKAGE @0.1 ms, 0.01 ms clock, 16 bytes, 1 allocs
		if f := strings.Fields(line); len(f) == 11 && f[0] == "init" && strings.Contains(f[1], ".") && !strings.HasPrefix(f[1], "vendor/") {
			ours = append(ours, f[1])
		}
	}
	slices.Sort(ours)
	want := strings.Fields(readFile(t, filepath.Join(repository, "tests/budget-inits")))
	if !slices.Equal(ours, want) {
		t.Errorf("packages with an initializer:\n%s\ntests/budget-inits has\n%s", strings.Join(ours, "\n"), strings.Join(want, "\n"))
	}
}

// runtimeCode is where the functions of Go's runtime lie in the program, for tests/cmd/count.
func runtimeCode(t *testing.T, program string) []byte {
	t.Helper()
	f, err := elf.Open(program)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	text, table := f.Section(".text"), f.Section(".gopclntab")
	if f.Type != elf.ET_EXEC || text == nil || table == nil {
		t.Fatalf("%s: not a Go program with fixed addresses", program)
	}
	data, err := table.Data()
	if err != nil {
		t.Fatal(err)
	}
	symbols, err := gosym.NewTable(nil, gosym.NewLineTable(data, text.Addr))
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	stubs := 0
	for _, fn := range symbols.Funcs {
		switch {
		case strings.HasPrefix(fn.Name, "internal/runtime/syscall") && strings.HasSuffix(strings.TrimSuffix(fn.Name, ".abi0"), ".Syscall6"):
			fmt.Fprintf(&out, "%x %x stub\n", fn.Entry, fn.End)
			stubs++
		case strings.HasPrefix(fn.Name, "github.com/rung-oci/rung/internal/sysmon."):
			fmt.Fprintf(&out, "%x %x below\n", fn.Entry, fn.End)
		case strings.HasPrefix(fn.Name, "runtime."), strings.HasPrefix(fn.Name, "internal/runtime/"):
			fmt.Fprintf(&out, "%x %x runtime\n", fn.Entry, fn.End)
		}
	}
	if stubs == 0 {
		t.Fatalf("%s: no function Syscall6 of Go's runtime: tests/cmd/count cannot tell its calls from rung's", program)
	}
	return []byte(out.String())
}

func readBudget(t *testing.T) map[string]int {
	t.Helper()
	limits := map[string]int{}
	text, err := os.ReadFile(filepath.Join(repository, "tests/budget"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, "#")
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		n, err := strconv.Atoi(f[len(f)-1])
		if err != nil || len(f) != 3 {
			t.Fatalf("tests/budget: %q: want COMMAND COUNTER NUMBER", line)
		}
		limits[f[0]+" "+f[1]] = n
	}
	return limits
}
