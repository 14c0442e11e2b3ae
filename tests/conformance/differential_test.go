package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

var (
	diffSeed  = flag.Uint64("diff.seed", 1, "seed of the configs that TestDifferential makes")
	diffCases = flag.Int("diff.cases", 30, "how many configs of several mutations TestDifferential makes")
	diffCase  = flag.String("diff.case", "", "mutations, joined by +: that config alone, and what each runtime made of it")
)

// TestDifferential gives the same configs to the runtime and to its peers, has the probe look from inside, and compares
// what it says field by field. The configs are each line of the file mutations alone, a value of the wrong type in each
// place, and random combinations of two to four mutations. A difference is a fault of the runtime, or stands, explained, in the file differences.
func TestDifferential(t *testing.T) {
	peers := findPeers()
	if len(peers) == 0 {
		t.Skip("neither runc nor crun is installed")
	}
	for _, p := range peers {
		t.Log("beside", p.version)
	}
	here := filepath.Join(repository, "tests/conformance")
	mutations, err := readMutations(filepath.Join(here, "mutations"))
	if err != nil {
		t.Fatal(err)
	}
	known, err := readDifferences(filepath.Join(here, "differences"))
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(filepath.Join(repository, "tests/cmd/build")).CombinedOutput(); err != nil {
		t.Fatalf("tests/cmd/build: %v\n%s", err, out)
	}
	program, err := os.ReadFile(filepath.Join(repository, "tests/bin/probe"))
	must(t, err)
	probe := filepath.Join(t.TempDir(), "probe")
	must(t, os.WriteFile(probe, program, 0o755))
	var (
		mu   sync.Mutex
		used = map[int]bool{}
	)
	for i, c := range cases(mutations) {
		t.Run(c.name(), func(t *testing.T) {
			t.Parallel()
			own := c.run(t, peer{"rung", runtimePath, ""}, probe, i)
			if *diffCase != "" {
				t.Logf("config %s\nrung: %s", c.config("ID"), own)
			}
			for _, p := range peers {
				other := c.run(t, p, probe, i)
				if *diffCase != "" {
					t.Logf("%s: %s", p.name, other)
				}
				for _, d := range compare(own, other) {
					if n := explained(known, c, p.name, d.field); n >= 0 {
						mu.Lock()
						used[n] = true
						mu.Unlock()
						continue
					}
					t.Errorf("%s %s %s: rung has %s, %s %s", p.name, c.name(), d.field, d.own, p.name, d.other)
				}
				if t.Failed() && own.class != other.class {
					t.Logf("rung said %q, %s %q", own.stderr, p.name, other.stderr)
				}
			}
		})
	}
	t.Cleanup(func() {
		for i, d := range known {
			if !used[i] && testing.Verbose() && *diffCase == "" {
				t.Logf("nothing needed: %s %s %s", d.peer, d.mutation, d.field)
			}
		}
	})
}

type peer struct{ name, path, version string }

func findPeers() []peer {
	var found []peer
	for _, name := range []string{"runc", "crun"} {
		file, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		out, err := exec.Command(file, "--version").Output()
		if err != nil {
			continue
		}
		line, _, _ := strings.Cut(string(out), "\n")
		found = append(found, peer{name, file, line})
	}
	return found
}

// configCase is one config: the base with mutations.
type configCase []mutation

func (c configCase) name() string {
	names := make([]string, len(c))
	for i, m := range c {
		names[i] = m.name
	}
	return strings.Join(names, "+")
}

// cases are all mutations alone, then combinations. The same seed makes the same ones.
func cases(mutations []mutation) []configCase {
	all := []configCase{{mutation{name: "base"}}}
	if *diffCase != "" {
		var c configCase
		for word := range strings.SplitSeq(*diffCase, "+") {
			if i := slices.IndexFunc(mutations, func(m mutation) bool { return m.name == word }); i >= 0 {
				c = append(c, mutations[i])
			}
		}
		return []configCase{c}
	}
	var base any
	if err := json.Unmarshal([]byte(baseConfig), &base); err != nil {
		panic(err)
	}
	for _, m := range append(slices.Clip(mutations), breaks(base)...) {
		all = append(all, configCase{m})
	}
	random := rand.New(rand.NewPCG(*diffSeed, 0))
	for range *diffCases {
		var c configCase
		for n := 2 + random.IntN(3); len(c) < n; {
			m := mutations[random.IntN(len(mutations))]
			// What one wrong config says of another wrong one is nothing.
			bad := strings.HasPrefix(m.name, "bad-") && slices.ContainsFunc(c, func(o mutation) bool { return strings.HasPrefix(o.name, "bad-") })
			if !bad && !slices.ContainsFunc(c, func(o mutation) bool { return o.name == m.name }) {
				c = append(c, m)
			}
		}
		all = append(all, c)
	}
	return all
}

const baseConfig = `{
	"ociVersion": "1.0.2",
	"process": {
		"args": ["/bin/probe"], "env": ["PATH=/bin:/usr/bin", "TERM=xterm"], "cwd": "/", "user": {"uid": 0, "gid": 0},
		"noNewPrivileges": true,
		"capabilities": {
			"bounding": ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_KILL", "CAP_SETGID", "CAP_SETUID", "CAP_MKNOD", "CAP_SYS_CHROOT"],
			"effective": ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_KILL", "CAP_SETGID", "CAP_SETUID", "CAP_MKNOD", "CAP_SYS_CHROOT"],
			"permitted": ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_KILL", "CAP_SETGID", "CAP_SETUID", "CAP_MKNOD", "CAP_SYS_CHROOT"]
		}
	},
	"root": {"path": "rootfs"},
	"hostname": "differential",
	"mounts": [
		{"destination": "/proc", "type": "proc", "source": "proc"},
		{"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]},
		{"destination": "/dev/pts", "type": "devpts", "source": "devpts", "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]},
		{"destination": "/dev/shm", "type": "tmpfs", "source": "shm", "options": ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]},
		{"destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue", "options": ["nosuid", "noexec", "nodev"]},
		{"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "noexec", "nodev", "ro"]}
	],
	"linux": {
		"namespaces": [{"type": "pid"}, {"type": "network"}, {"type": "ipc"}, {"type": "uts"}, {"type": "mount"}],
		"resources": {"devices": [{"allow": false, "access": "rwm"}]},
		"maskedPaths": ["/proc/kcore", "/proc/keys", "/proc/acpi", "/sys/firmware"],
		"readonlyPaths": ["/proc/bus", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]
	}
}`

func (c configCase) config(id string) []byte {
	var config any
	if err := json.Unmarshal([]byte(baseConfig), &config); err != nil {
		panic(err)
	}
	set := func(path string, value any) {
		config = operation{path: splitPath(path), kind: "=", value: value}.apply(config)
	}
	set("linux.cgroupsPath", "/"+ownGroup()+"/"+id)
	var actions []any
	for _, m := range c {
		for _, a := range m.actions {
			actions = append(actions, a)
		}
	}
	set("process.args", append(append([]any{"/bin/probe"}, actions...), "--report"))
	for _, m := range c {
		for _, o := range m.operations {
			config = o.apply(config)
		}
	}
	b, err := json.MarshalIndent(config, "", "\t")
	if err != nil {
		panic(err)
	}
	return b
}

// outcome is what became of a config: its class, and, if a process was run, what the probe said of each field.
type outcome struct {
	class  string // ok or refused
	fields map[string]string
	stderr string
}

func (o outcome) String() string {
	var b strings.Builder
	fmt.Fprintln(&b, o.class, o.stderr)
	for _, k := range slices.Sorted(maps.Keys(o.fields)) {
		fmt.Fprintln(&b, k, "=", o.fields[k])
	}
	return b.String()
}

// run runs a container of the config. Its root file system gets a link to the probe: a program that this process had just
// written could still be open in a child that is between its fork and its exec, and not be executed (ETXTBSY).
func (c configCase) run(t *testing.T, p peer, probe string, number int) outcome {
	t.Helper()
	id := p.name + "-" + strconv.Itoa(number)
	dir := t.TempDir()
	rootfs := filepath.Join(dir, "rootfs")
	for _, d := range []string{"proc", "sys", "dev", "tmp", "etc", "bin", "mnt", "cg"} {
		must(t, os.MkdirAll(filepath.Join(rootfs, d), 0o755))
	}
	// mapped users have to reach it
	for d := dir; d != os.TempDir() && d != "/"; d = filepath.Dir(d) {
		must(t, os.Chmod(d, 0o755))
	}
	must(t, os.WriteFile(filepath.Join(rootfs, "etc/passwd"), []byte("root:x:0:0::/root:/bin/sh\nsomebody:x:1000:1000::/home:/bin/sh\n"), 0o644))
	must(t, os.WriteFile(filepath.Join(rootfs, "etc/group"), []byte("root:x:0:\n"), 0o644))
	must(t, os.Link(probe, filepath.Join(rootfs, "bin/probe")))
	must(t, os.WriteFile(filepath.Join(dir, "config.json"), c.config(id), 0o644))

	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	state := filepath.Join(dir, "state")
	cmd := exec.CommandContext(ctx, p.path, "--root", state, "run", "--bundle", dir, id)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	// crun makes standard input the container's user's, even where it is the host's /dev/null
	stdin, err := os.OpenFile(filepath.Join(dir, "stdin"), os.O_RDWR|os.O_CREATE, 0o600)
	must(t, err)
	defer stdin.Close()
	cmd.Stdin = stdin
	cmd.SysProcAttr = &unix.SysProcAttr{Pdeathsig: unix.SIGKILL}
	cmd.WaitDelay = time.Second
	runErr := cmd.Run()
	_ = exec.CommandContext(ctx, p.path, "--root", state, "delete", "--force", id).Run()
	_ = removeGroups(filepath.Join(ownGroup(), id)) // what a peer has left is not our matter

	o := outcome{class: "refused", stderr: strings.TrimSpace(stderr.String())}
	if ctx.Err() != nil {
		o.class = "hangs"
		return o
	}
	o.fields = fields(stdout.String(), strings.NewReplacer(dir, "BUNDLE", id, "ID"))
	switch {
	case o.fields == nil && runErr == nil:
		o.class = "silent"
	case o.fields != nil && runErr == nil:
		o.class = "ok"
	case o.fields != nil:
		o.class = "ran, " + runErr.Error()
	}
	return o
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

type difference struct{ field, own, other string }

func compare(own, other outcome) []difference {
	if own.class != other.class {
		return []difference{{"status", own.class, other.class}}
	}
	var ds []difference
	fields := map[string]bool{}
	for k := range own.fields {
		fields[k] = true
	}
	for k := range other.fields {
		fields[k] = true
	}
	for _, k := range slices.Sorted(maps.Keys(fields)) {
		a, inOwn := own.fields[k]
		b, inOther := other.fields[k]
		switch {
		case !inOwn:
			a = "nothing"
		case !inOther:
			b = "nothing"
		}
		if a != b {
			ds = append(ds, difference{k, a, b})
		}
	}
	return ds
}

// knownDifference is a line of the file differences: "PEER MUTATION FIELD: why ours is right".
type knownDifference struct{ peer, mutation, field, why string }

func readDifferences(file string) ([]knownDifference, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var known []knownDifference
	number := 0
	for line := range strings.Lines(string(b)) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		head, why, _ := strings.Cut(line, ": ")
		words := strings.Fields(head)
		if len(words) != 3 || strings.TrimSpace(why) == "" {
			return nil, fmt.Errorf("%s:%d: a line is PEER MUTATION FIELD: WHY", file, number)
		}
		known = append(known, knownDifference{words[0], words[1], words[2], strings.TrimSpace(why)})
	}
	return known, nil
}

// explained finds the line that explains a difference, or -1. PEER, MUTATION and FIELD are patterns of path.Match,
// with several MUTATIONs separated by commas.
func explained(known []knownDifference, c configCase, peer, field string) int {
	for i, k := range known {
		if ok, _ := path.Match(k.peer, peer); !ok {
			continue
		}
		if ok, _ := path.Match(k.field, strings.ReplaceAll(field, "/", "|")); !ok {
			continue
		}
		for pattern := range strings.SplitSeq(k.mutation, ",") {
			for _, m := range c {
				if ok, _ := path.Match(pattern, m.name); ok {
					return i
				}
			}
		}
	}
	return -1
}
