package integration

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/rung-oci/rung/libcontainer"
)

// causes has, for each code of the catalogue, what causes it: an edit of the bundle, which is then created, or more.
var causes = map[string]struct {
	edit  func(b *bundle)
	do    func(b *bundle) Result // nil: create
	needs []string
	path  string // of the config
	errno string
}{
	libcontainer.CodeUsage: {do: func(b *bundle) Result { return b.runtime("create", "--wings", b.ID) }},
	libcontainer.CodeBundle: {
		do:    func(b *bundle) Result { return b.runtime("create", "--bundle", filepath.Join(b.Dir, "nothing"), b.ID) },
		errno: "ENOENT",
	},
	libcontainer.CodeConfig:   {edit: func(b *bundle) { b.Spec.Process.Cwd = "srv" }, path: "process.cwd"},
	libcontainer.CodeNotExist: {do: func(b *bundle) Result { return b.runtime("start", b.ID) }},
	libcontainer.CodeExist: {do: func(b *bundle) Result {
		b.create()
		return b.runtime("create", "--bundle", b.Dir, b.ID)
	}},
	libcontainer.CodeState: {
		edit: func(b *bundle) { b.Spec.Process.Args = []string{"/probe", "--until-term"} },
		do: func(b *bundle) Result {
			b.create().start()
			return b.runtime("start", b.ID)
		},
	},
	libcontainer.CodeDied: {do: func(b *bundle) Result {
		c := b.create()
		pidfd, err := unix.PidfdOpen(c.Pid, 0)
		if err != nil {
			b.t.Fatal(err)
		}
		defer unix.Close(pidfd)
		if err := unix.PidfdSendSignal(pidfd, unix.SIGKILL, nil, 0); err != nil {
			b.t.Fatal(err)
		}
		if !waitReadable(b.t, pidfd, patience) {
			b.t.Fatal("the init goes on")
		}
		return b.runtime("start", b.ID) // nobody has reaped it
	}},
	libcontainer.CodeNamespace: {
		edit: func(b *bundle) { setNS(b.Spec, specs.NetworkNamespace, "/run/netns/gone") },
		path: "linux.namespaces[5]", errno: "ENOENT",
	},
	libcontainer.CodeIDMap: {
		edit: func(b *bundle) {
			setNS(b.Spec, specs.UserNamespace, nsPath(nsHolder(b.t, specs.UserNamespace), specs.UserNamespace))
			b.chown(100000, 100000)
			b.Spec.Linux.UIDMappings = mapping(0, 100000, 1000)
			b.Spec.Linux.GIDMappings = b.Spec.Linux.UIDMappings
		},
		needs: []string{"userns"}, path: "linux.uidMappings",
	},
	libcontainer.CodeMount: {
		edit: func(b *bundle) {
			withMount(specs.Mount{Destination: "/mnt", Type: "nonsensefs", Source: "none"})(b.Spec)
		},
		path: "mounts[6]", errno: "ENODEV",
	},
	libcontainer.CodeDevice: {
		edit: func(b *bundle) {
			writeFile(b.t, b.Rootfs+"/mnt/file", "")
			b.Spec.Linux.Devices = []specs.LinuxDevice{{Path: "/mnt/file/odd", Type: "c", Major: 1, Minor: 3}}
		},
		path: "linux.devices[0]", errno: "ENOTDIR",
	},
	libcontainer.CodeNetwork: {
		edit: func(b *bundle) { b.Spec.Linux.NetDevices = map[string]specs.LinuxNetDevice{"gone": {}} },
		path: "linux.netDevices.gone", errno: "ENODEV",
	},
	libcontainer.CodeCgroup: {
		edit: func(b *bundle) { b.Spec.Linux.Resources.Unified = map[string]string{"cgroup.freeze": "cold"} },
		path: `linux.resources.unified["cgroup.freeze"]`, needs: []string{"cgroupv2"}, errno: "EINVAL",
	},
	libcontainer.CodeRdt: {
		edit:  func(b *bundle) { b.Spec.Linux.IntelRdt = &specs.LinuxIntelRdt{L3CacheSchema: "L3:0=f"} },
		needs: []string{"no-resctrl"},
	},
	libcontainer.CodeSysctl: {
		edit: func(b *bundle) { b.Spec.Linux.Sysctl = map[string]string{"net.ipv4.nonsense": "1"} },
		path: `linux.sysctl["net.ipv4.nonsense"]`, errno: "ENOENT",
	},
	libcontainer.CodeProcess: {
		edit: func(b *bundle) { b.Spec.Process.Cwd = "/etc/passwd" },
		path: "process.cwd", errno: "ENOTDIR",
	},
	libcontainer.CodePrivilege: {
		edit: func(b *bundle) {
			setNS(b.Spec, specs.UserNamespace, "")
			b.Spec.Linux.UIDMappings = []specs.LinuxIDMapping{{ContainerID: 0, HostID: 0, Size: 10}}
			b.Spec.Linux.GIDMappings = b.Spec.Linux.UIDMappings
			b.Spec.Process.User.AdditionalGids = []uint32{77}
		},
		path: "process.user", errno: "EINVAL", needs: []string{"userns"},
	},
	libcontainer.CodeLSM: {
		edit: func(b *bundle) { b.Spec.Process.ApparmorProfile = "gone" },
		path: "process.apparmorProfile", errno: "ENOENT", needs: []string{"apparmor"},
	},
	libcontainer.CodeLandlock: {
		edit: func(b *bundle) {
			b.Spec.Annotations = map[string]string{"org.rung-oci.landlock.fs": "rx /; ro /gone"}
		},
		needs: []string{"landlock:5"}, path: `annotations["org.rung-oci.landlock.fs"]`, errno: "ENOENT",
	},
	libcontainer.CodeSeccomp: {
		edit: func(b *bundle) {
			b.Spec.Linux.Seccomp = &specs.LinuxSeccomp{
				DefaultAction: specs.ActAllow, ListenerPath: "/srv/gone",
				Syscalls: []specs.LinuxSyscall{{Names: []string{"chroot"}, Action: specs.ActNotify}},
			}
		},
		do:   func(b *bundle) Result { return b.runtime("run", "--bundle", b.Dir, b.ID) },
		path: "linux.seccomp.listenerPath", errno: "ENOENT",
	},
	libcontainer.CodeTerminal: {edit: func(b *bundle) { b.Spec.Process.Terminal = true }},
	libcontainer.CodeExec: {
		edit: func(b *bundle) { b.Spec.Process.Args = []string{"gone"} },
		path: "process.args[0]", errno: "ENOENT",
	},
	libcontainer.CodeHook: {
		edit: func(b *bundle) {
			addHook(b.Spec, "createRuntime", specs.Hook{Path: probePath, Args: []string{"hook", "--echo", "no network", "--exit", "3"}})
		},
		path: "hooks.createRuntime[0]",
	},
	libcontainer.CodeInterrupt: {
		do: func(b *bundle) Result {
			f, _ := b.hang("createRuntime", "run", "--bundle", b.Dir, b.ID)()
			_ = f.cmd.Process.Signal(unix.SIGTERM)
			return f.exit()
		},
		path: "hooks.createRuntime[0]",
	},
	libcontainer.CodeCriu: {do: func(b *bundle) Result {
		b.create()
		return b.runtime("checkpoint", "--image-path", filepath.Join(b.Dir, "images"), b.ID)
	}},
	libcontainer.CodePermission: {
		do: func(b *bundle) Result {
			if err := os.Chmod(b.Root, 0o700); err != nil {
				b.t.Fatal(err)
			}
			b.Wrap = []string{"setpriv", "--reuid=1000", "--regid=1000", "--clear-groups"}
			return b.runtime("state", b.ID)
		},
		needs: []string{"command:setpriv"}, errno: "EACCES",
	},
	libcontainer.CodeSystem: {
		do: func(b *bundle) Result {
			return b.runtime("create", "--bundle", b.Dir, "--pid-file", "/nonexistent/pid", b.ID)
		},
		errno: "ENOENT",
	},
}

// Each code of the catalogue is caused, and comes with what the log promises; the line is the one that docs/errors.md shows.
func TestCodes_are_caused(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung")
	known := map[string]bool{}
	for _, c := range libcontainer.Codes() {
		known[c.Code] = true
		cause, ok := causes[c.Code]
		if !ok {
			t.Errorf("nothing here causes an error of code %s", c.Code)
			continue
		}
		t.Run(c.Code, func(t *testing.T) {
			t.Parallel()
			requires(t, cause.needs...)
			b := newBundle(t)
			if cause.edit != nil {
				cause.edit(b)
			}
			log := filepath.Join(b.Dir, "log")
			writeFile(t, log, "")
			if err := os.Chmod(log, 0o666); err != nil {
				t.Fatal(err)
			}
			b.Globals = []string{"--log", log, "--log-format", "json"}
			b.writeConfig()
			do := cause.do
			if do == nil {
				do = func(b *bundle) Result { return b.runtime("create", "--bundle", b.Dir, b.ID) }
			}
			res := do(b)
			if res.Exit == 0 {
				t.Fatal("it succeeded")
			}
			lines := strings.Split(strings.TrimSpace(readFile(t, log)), "\n")
			var e map[string]string
			if err := json.Unmarshal([]byte(lines[len(lines)-1]), &e); err != nil {
				t.Fatalf("%v: %q", err, lines[len(lines)-1])
			}
			want(t, "code", e["code"], c.Code)
			want(t, "path", e["path"], cause.path)
			want(t, "errno", e["errno"], cause.errno)
			want(t, "there is a hint", e["hint"] != "", true)
			want(t, "lines on standard error", strings.Count(res.Stderr, "\n"), 1)
			if got := normal(b, res.Stderr); got != c.Example {
				t.Errorf("docs/errors.md shows\n\t%s\nand this is\n\t%s", c.Example, got)
			}
		})
	}
	for code := range causes {
		want(t, code+" is in the catalogue", known[code], true)
	}
}

// What is no JSON is the config's error, with the place.
func TestCodes_no_JSON(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung")
	b := newBundle(t)
	writeFile(t, filepath.Join(b.Dir, "config.json"), "{\"process\": {\"cwd\": \"/\",}}\n")
	for _, command := range [...][]string{{"create", "--bundle", b.Dir, b.ID}, {"plan", "--bundle", b.Dir}} {
		res := b.runtime(append([]string{"--log-format", "json"}, command...)...)
		var e map[string]string
		if err := json.Unmarshal([]byte(res.Stderr), &e); err != nil {
			t.Fatalf("%v: %q", err, res.Stderr)
		}
		want(t, "code", e["code"], libcontainer.CodeConfig)
		want(t, "path", e["path"], "process")
		want(t, "hint", e["hint"], "correct the JSON: jq . finds the place too")
	}
}

// One code has hints for different situations.
func TestCodes_hint_of_the_situation(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung")
	for name, c := range map[string]struct {
		globals          []string
		spec             func(s *specs.Spec)
		code, path, hint string
	}{
		"a path for systemd": {
			[]string{"--systemd-cgroup"}, func(s *specs.Spec) { s.Linux.CgroupsPath = "/a/path" },
			libcontainer.CodeConfig, "linux.cgroupsPath", "slice:prefix:name",
		},
		"a working directory that is a file": {
			nil, func(s *specs.Spec) { s.Process.Cwd = "/probe" },
			libcontainer.CodeProcess, "process.cwd", "has to be a directory",
		},
		"a namespace that has ended": {
			nil, func(s *specs.Spec) { s.Linux.Namespaces[0].Path = "/proc/1/ns/gone" },
			libcontainer.CodeNamespace, "linux.namespaces[0]", "make it again, or correct the path",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBundle(t)
			c.spec(b.Spec)
			b.Globals = append([]string{"--log-format", "json"}, c.globals...)
			b.writeConfig()
			res := b.runtime("create", "--bundle", b.Dir, b.ID)
			lines := strings.Split(strings.TrimSpace(res.Stderr), "\n")
			var e map[string]string
			if err := json.Unmarshal([]byte(lines[len(lines)-1]), &e); err != nil {
				t.Fatalf("%v: %q", err, res.Stderr)
			}
			want(t, "code", e["code"], c.code)
			want(t, "path", e["path"], c.path)
			if !strings.Contains(e["hint"], c.hint) {
				t.Errorf("the hint %q has no %q", e["hint"], c.hint)
			}
		})
	}
}

// normal puts an error into the words of the page: a container web in /srv/web, and hooks of 2 ms.
func normal(b *bundle, line string) string {
	line = strings.NewReplacer(b.Root, "/run/rung", b.Dir, "/srv/web", b.ID, "web", probePath, "/usr/bin/hook").Replace(strings.TrimSpace(line))
	return regexp.MustCompile(`after [0-9.]+(ms|µs|s)\b`).ReplaceAllString(line, "after 2ms")
}

// Why a container cannot be started any more.
func TestCodes_why_it_died(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung")
	b := newBundle(t)
	c := b.create()
	b.must("kill", b.ID, "TERM") // which an init that waits takes
	pidfd, err := unix.PidfdOpen(c.Pid, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pidfd)
	if !waitReadable(t, pidfd, patience) {
		t.Fatal("the init goes on")
	}
	wantFailure(t, b.runtime("start", b.ID), "cannot start a container that has stopped (its process ended with status 143)")
	c.wait()
	wantFailure(t, b.runtime("start", b.ID), "cannot start a container that has stopped: ") // it was reaped
}

func TestCodes_why_it_died_of_memory(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung", "ctrl:memory")
	b := newBundle(t)
	b.Spec.Linux.Resources.Memory = &specs.LinuxMemory{Limit: ptr(int64(8 << 20))}
	b.Spec.Process.Args = []string{"/probe", "--fill-memory", "64000000"}
	b.Spec.Linux.Namespaces = b.Spec.Linux.Namespaces[:len(b.Spec.Linux.Namespaces)-1]
	c := b.create()
	c.start()
	c.wait()
	wantFailure(t, b.runtime("start", b.ID), "cannot start a container that has stopped (its process has ended, and its memory limit was reached)")
}

// The hint is a second line on a terminal, and nowhere else: engines show the last line, or the only one.
func TestCodes_hint_on_a_terminal(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung", "command:script")
	b := newBundle(t)
	b.Wrap = []string{"script", "-qec"}
	line := runtimePath + " --root " + b.Root + " start " + b.ID
	cmd := b.command()
	cmd.Path, cmd.Args = lookPath(t, "script"), []string{"script", "-qec", line, "/dev/null"}
	out, _ := cmd.CombinedOutput()
	lines := strings.Split(strings.TrimSpace(strings.ReplaceAll(string(out), "\r\n", "\n")), "\n")
	if len(lines) != 2 || !strings.HasPrefix(lines[0], "rung: start ") || !strings.HasPrefix(lines[1], "hint: ") {
		t.Errorf("a terminal gets %q", lines)
	}
}
