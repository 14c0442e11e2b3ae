package integration

import (
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// CVE-2021-43784: a length of 16 bits in the message to the init overflows, and what follows in a long text of the
// config is read as further settings. What is long arrives whole, or is refused; so is what would end too early.
func TestCVE_long_strings(t *testing.T) {
	t.Parallel()
	cve(t, "CVE-2021-43784")
	t.Run("strings", func(t *testing.T) { t.Parallel(); longStrings(t) })
	t.Run("lists", func(t *testing.T) { t.Parallel(); longLists(t) })
	t.Run("NUL", func(t *testing.T) { t.Parallel(); stringsWithNUL(t) })
}

func longStrings(t *testing.T) {
	for _, n := range []int{4095, 4096, 32767, 32768, 65531, 65535, 65536, 65540, 70000, 120000} {
		long := strings.Repeat("x", n)
		for name, edit := range map[string]func(s *specs.Spec){
			"argument":    func(s *specs.Spec) { s.Process.Args = append(s.Process.Args, long) },
			"environment": func(s *specs.Spec) { s.Process.Env = append(s.Process.Env, "LONG="+long) },
		} {
			b := newBundle(t)
			b.Spec.Process.Args = []string{"/probe", "--report", "--echo"}
			if name != "argument" {
				b.Spec.Process.Args = b.Spec.Process.Args[:2]
			}
			edit(b.Spec)
			res := b.run()
			if res.Exit != 0 {
				t.Fatalf("%s of %d bytes: %s", name, n, brief(res.output()))
			}
			r := parseProbe(t, res.Stdout)
			if name == "argument" {
				want(t, name+" is whole", r.Argv[3] == long, true)
			} else {
				got, _ := r.env("LONG")
				want(t, name+" is whole", got == long, true)
			}
		}
		// None of these can be that long: refused, with nothing done.
		if n < 65531 {
			continue
		}
		for name, edit := range map[string]func(s *specs.Spec){
			"hostname":       func(s *specs.Spec) { s.Hostname = long },
			"mount source":   withMount(bind("/"+long, "/mnt", "bind")),
			"mount target":   withMount(bind("/etc", "/"+long, "bind")),
			"mount options":  withMount(specs.Mount{Destination: "/mnt", Type: "tmpfs", Source: "tmpfs", Options: []string{"size=" + strings.Repeat("0", n) + "4096"}}),
			"mount type":     withMount(specs.Mount{Destination: "/mnt", Type: long, Source: "x"}),
			"cwd":            func(s *specs.Spec) { s.Process.Cwd = "/" + long },
			"namespace path": func(s *specs.Spec) { setNS(s, specs.NetworkNamespace, "/"+long) },
			"sysctl value":   withSysctl(map[string]string{"kernel.sem": long}),
			"program":        func(s *specs.Spec) { s.Process.Args[0] = "/" + long },
			"control group":  func(s *specs.Spec) { s.Linux.CgroupsPath = "/" + long },
		} {
			b := newBundle(t)
			b.Spec.Process.Args = []string{"/probe", "--echo", "it-started"}
			edit(b.Spec)
			res := b.run()
			if res.Exit == 0 || strings.Contains(res.Stdout, "it-started") {
				t.Errorf("%s of %d bytes: the process was started", name, n)
			}
		}
	}
}

// The same with many entries in place of a long one: ids, and groups.
func longLists(t *testing.T) {
	for _, n := range []int{5, 250, 341, 2000, 6000} { // 340 is the kernel's limit, in one page of text (user_namespaces(7))
		b := newBundle(t)
		var list []specs.LinuxIDMapping
		for i := range n {
			list = append(list, specs.LinuxIDMapping{ContainerID: uint32(2 * i), HostID: uint32(100000 + 2*i), Size: 1})
		}
		b.mapped(list, list)
		b.Spec.Mounts[2].Options = slices.DeleteFunc(b.Spec.Mounts[2].Options, func(o string) bool { return o == "gid=5" })
		b.Spec.Process.Args = []string{"/probe", "--report"}
		res := b.run()
		if n > 250 {
			want(t, "too many mappings are refused", res.Exit != 0, true)
			continue
		}
		if res.Exit != 0 {
			t.Fatalf("%d mappings: %s", n, brief(res.output()))
		}
	}
	for _, n := range []int{1000, 16384, 65536, 65537, 70000} { // 65536 is NGROUPS_MAX
		b := newBundle(t)
		for i := range n {
			b.Spec.Process.User.AdditionalGids = append(b.Spec.Process.User.AdditionalGids, uint32(i+1))
		}
		b.Spec.Process.Args = []string{"/probe", "--echo", "it-started"}
		res := b.run()
		want(t, itoa(n)+" groups: started", strings.Contains(res.Stdout, "it-started"), n <= 65536)
	}
}

// A NUL ends a string for the kernel: what passed for something else in a check is cut there.
func stringsWithNUL(t *testing.T) {
	for name, edit := range map[string]func(s *specs.Spec){
		"hostname":      func(s *specs.Spec) { s.Hostname = "a\x00b" },
		"argument":      func(s *specs.Spec) { s.Process.Args = append(s.Process.Args, "a\x00b") },
		"program":       func(s *specs.Spec) { s.Process.Args[0] = "/probe\x00x" },
		"environment":   func(s *specs.Spec) { s.Process.Env = append(s.Process.Env, "A=a\x00LD_PRELOAD=b") },
		"cwd":           func(s *specs.Spec) { s.Process.Cwd = "/\x00x" },
		"mount source":  withMount(bind("/etc\x00x", "/mnt", "bind")),
		"mount target":  withMount(bind("/etc", "/mnt\x00x", "bind")),
		"mount options": withMount(specs.Mount{Destination: "/mnt", Type: "tmpfs", Source: "tmpfs", Options: []string{"size=1k\x00,ro"}}),
		"mount type":    withMount(specs.Mount{Destination: "/mnt", Type: "tmpfs\x00x", Source: "tmpfs"}),
		"masked path":   func(s *specs.Spec) { s.Linux.MaskedPaths = []string{"/proc/keys\x00x"} },
		"readonly path": func(s *specs.Spec) { s.Linux.ReadonlyPaths = []string{"/proc/sys\x00x"} },
		"namespace":     func(s *specs.Spec) { setNS(s, specs.NetworkNamespace, "/proc/self/ns/net\x00x") },
		"cgroup":        func(s *specs.Spec) { s.Linux.CgroupsPath += "\x00x" },
		"root":          func(s *specs.Spec) { s.Root.Path += "\x00x" },
		"sysctl":        withSysctl(map[string]string{"kernel.sem\x00x": "1 1 1 1"}),
		"sysctl value":  withSysctl(map[string]string{"kernel.domainname": "a\x00b"}),
		"device":        func(s *specs.Spec) { s.Linux.Devices = []specs.LinuxDevice{device("/dev/x\x00y", "c", 1, 3)} },
		"hook": func(s *specs.Spec) {
			addHook(s, "createRuntime", specs.Hook{Path: probePath + "\x00x", Args: []string{"probe", "--exit", "0"}})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBundle(t)
			b.Spec.Process.Args = []string{"/probe", "--echo", "it-started"}
			edit(b.Spec)
			res := b.run()
			if res.Exit == 0 || strings.Contains(res.Stdout, "it-started") {
				t.Error("the process was started")
			}
		})
	}
}
