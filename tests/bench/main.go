// Bench measures rung beside other runtimes: run, create, start, exec, state, kill and delete, many runs at once, and
// the memory of a container that waits for its start. The runtimes alternate within one run, because a machine's speed
// changes from minute to minute and a number means something only beside another of the same moment.
//
// It runs itself anew, in a mount namespace of its own, for each kind of cgroup hierarchy the host can show. All
// runtimes keep their state on the same tmpfs, mounted there, and take their bundles from disk. Needs root and gcc.
package main

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

//go:embed c/*.c
var sources embed.FS

type options struct {
	runtimes []contender
	views    []string
	specs    []string
	rounds   int
	many     int
	held     int
	tails    int
	seccomp  string
	keep     string
}

// insideEnv holds the view, in the process that measures.
const insideEnv = "RUNG_BENCH_VIEW"

func main() {
	o, err := parse(os.Args[1:])
	if err == nil {
		if view := os.Getenv(insideEnv); view != "" {
			err = inside(o, view)
		} else {
			err = outside(o)
		}
	}
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func parse(args []string) (*options, error) {
	o := new(options)
	rung := ""
	peers := [][2]string{{"crun", "crun"}, {"runc", "runc"}}
	var views, specNames string
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.StringVar(&rung, "rung", "./rung", "the runtime to judge")
	f.Func("peer", "a further runtime, as `name=path`; a name that is there already (crun, runc) takes its place, no path leaves it out", func(v string) error {
		name, path, ok := strings.Cut(v, "=")
		if !ok || name == "" || name == "rung" || strings.ContainsAny(name, "/ ") {
			return errors.New("want name=path")
		}
		peers = slices.DeleteFunc(peers, func(p [2]string) bool { return p[0] == name })
		if path != "" {
			peers = append(peers, [2]string{name, path})
		}
		return nil
	})
	f.StringVar(&views, "view", strings.Join(hostViews(), ","), "kinds of cgroup hierarchy")
	f.StringVar(&specNames, "spec", "default,docker,mounts,userns,nonet", "configs")
	f.IntVar(&o.rounds, "n", 40, "rounds for each view and config")
	f.IntVar(&o.held, "held", 0, "containers to hold at once, with the first config, under the first two runtimes; 0 leaves that out")
	f.IntVar(&o.many, "many", 50, "containers to run at once; 0 leaves that out")
	f.StringVar(&o.seccomp, "seccomp", "libcontainer/internal/seccomp/testdata/default.json", "profile of the docker config, in the runtime-spec's form")
	f.IntVar(&o.tails, "tails", 0, "further runs of the first config alone, for the slowest of them; 0 leaves that out")
	f.StringVar(&o.keep, "keep", "", "directory to write the tables, the numbers as JSON and a picture of each view to")
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	o.views, o.specs = strings.Split(views, ","), strings.Split(specNames, ",")
	for i, p := range append([][2]string{{"rung", rung}}, peers...) {
		path, err := lookPath(p[1])
		if err != nil {
			if i > 0 {
				fmt.Fprintf(os.Stderr, "bench: %s is not here\n", p[0])
				continue
			}
			return nil, err
		}
		if path, err = filepath.Abs(path); err != nil {
			return nil, err
		}
		out, err := exec.Command(path, "--version").Output()
		if err != nil {
			return nil, fmt.Errorf("%s --version: %w", path, err)
		}
		line, _, _ := bytes.Cut(out, []byte("\n"))
		o.runtimes = append(o.runtimes, contender{Name: p[0], Path: path, Version: string(line)})
	}
	return o, nil
}

// lookPath looks where the administrator's programs are, too.
func lookPath(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err == nil || strings.Contains(name, "/") {
		return path, err
	}
	for _, dir := range []string{"/usr/sbin/", "/usr/local/sbin/"} {
		if path, err := exec.LookPath(dir + name); err == nil {
			return path, nil
		}
	}
	return "", err
}

// outside starts one process for each view, and prints what they find.
func outside(o *options) error {
	var uts unix.Utsname
	if err := unix.Uname(&uts); err != nil {
		return err
	}
	all := report{Kernel: unix.ByteSliceToString(uts.Release[:]), CPUs: runtime.NumCPU(), Rounds: o.rounds, Contender: o.runtimes}
	var tables bytes.Buffer
	to := io.MultiWriter(os.Stdout, &tables)
	fmt.Fprintf(to, "Linux %s, %d CPUs, %d rounds\n", all.Kernel, all.CPUs, o.rounds)
	for _, c := range o.runtimes {
		fmt.Fprintf(to, "%-5s %s\n", c.Name, c.Version)
	}
	for _, view := range o.views {
		var out bytes.Buffer
		cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
		cmd.Env = append(os.Environ(), insideEnv+"="+view)
		cmd.Stdout, cmd.Stderr = &out, os.Stderr
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS}
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("view %s: %w", view, err)
		}
		var results []result
		if err := json.Unmarshal(out.Bytes(), &results); err != nil {
			return fmt.Errorf("view %s: %w", view, err)
		}
		all.Results = append(all.Results, results...)
		for _, spec := range o.specs {
			all.print(to, view, spec)
		}
		all.printTight(to, view)
	}
	if o.keep == "" {
		return nil
	}
	return all.keep(o.keep, tables.Bytes(), o.views, o.specs)
}

// inside measures in one view, and writes the results to standard output, as JSON.
func inside(o *options, view string) (err error) {
	if err := enterView(view); err != nil {
		return err
	}
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("/var/tmp", "rung-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	state := filepath.Join(dir, "state")
	if err := os.Mkdir(state, 0o700); err != nil {
		return err
	}
	if err := unix.Mount("rung-bench", state, "tmpfs", 0, "mode=711"); err != nil {
		return fmt.Errorf("mount tmpfs: %w", err)
	}
	defer func() { err = errors.Join(unix.Unmount(state, unix.MNT_DETACH), err) }()
	defer removeGroups()
	if err := compile(dir); err != nil {
		return err
	}
	var results []result
	stderr, err := os.OpenFile(filepath.Join(dir, "stderr"), os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer stderr.Close()
	stdin, err := os.OpenFile(filepath.Join(dir, "stdin"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer stdin.Close()
	var first []*bench
	for _, name := range o.specs {
		list, found, err := measure(o, view, name, dir, state, stdin, stderr)
		if err != nil {
			return fmt.Errorf("%s spec: %w", name, err)
		}
		results = append(results, found...)
		if first == nil {
			first = list
		}
	}
	// last, since the kernel is slower for a while after as many control groups
	if o.held > 2*edge {
		for _, b := range first[:min(2, len(first))] {
			if b.broken != nil || b.floor != nil {
				continue
			}
			b.samples, b.pss, b.together, b.row = map[string][]sample{}, nil, nil, nil
			if err := b.hold(o.held); err != nil {
				return fmt.Errorf("%d held: %w", o.held, err)
			}
			results = append(results, b.results(view, o.specs[0], o)...)
		}
	}
	return json.NewEncoder(os.Stdout).Encode(results)
}

// compile makes the C programs.
func compile(dir string) error {
	flags := []string{"-O2", "-static"}
	names := []string{"meter", "payload"}
	if runtime.GOARCH == "amd64" {
		names = append(names, floorName)
	}
	for _, name := range names {
		source, err := sources.ReadFile("c/" + name + ".c")
		if err != nil {
			return err
		}
		args := append([]string{"-x", "c", "-", "-o", filepath.Join(dir, name)}, flags...)
		if name != "meter" && runtime.GOARCH == "amd64" {
			args = append(args, "-nostdlib", "-fno-stack-protector", "-fno-builtin", "-Wl,-z,noseparate-code")
		}
		cmd := exec.Command("gcc", args...)
		cmd.Stdin = bytes.NewReader(source)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("gcc %s.c: %w\n%s", name, err, out)
		}
	}
	return nil
}

// measure lets the runtimes take turns. Who begins changes with each round, so that nobody always follows the same.
func measure(o *options, view, name, dir, state string, stdin, stderr *os.File) ([]*bench, []result, error) {
	spec, err := newSpec(o, name, view, dir)
	if err != nil {
		return nil, nil, err
	}
	var list []*bench
	for i := range o.runtimes {
		b := &bench{
			rt: &o.runtimes[i], meter: filepath.Join(dir, "meter"), stdin: stdin, stderr: stderr, root: filepath.Join(state, o.runtimes[i].Name),
			quick: filepath.Join(dir, name, o.runtimes[i].Name, "quick"), waiting: filepath.Join(dir, name, o.runtimes[i].Name, "waiting"),
		}
		defer b.sweep()
		for _, bundle := range []string{b.quick, b.waiting} {
			// The groups of many runs at once are of the runtime's own choosing: one path would be one group for all.
			config := *spec
			linux := *spec.Linux
			config.Linux = &linux
			if bundle == b.waiting {
				linux.CgroupsPath = "/" + groupParent + "/" + b.rt.Name
			}
			if err := makeBundle(bundle, filepath.Join(dir, "payload"), &config, bundle == b.waiting); err != nil {
				return nil, nil, err
			}
		}
		list = append(list, b)
	}
	if args := floorArguments(view, filepath.Join(list[0].quick, "rootfs")); args != nil && name == "default" {
		list = append(list, &bench{
			rt: &contender{Name: floorName, Path: filepath.Join(dir, floorName)}, meter: list[0].meter, stdin: stdin, stderr: stderr, floor: args,
		})
		defer sweepFloor(args)
	}
	const warmUp = 3
	for round := range warmUp + o.rounds {
		for i := range list {
			b := list[(i+round)%len(list)]
			if b.broken != nil {
				continue
			}
			if round == warmUp {
				b.samples, b.pss = nil, nil
			}
			if b.samples == nil {
				b.samples = map[string][]sample{}
			}
			if err := b.round(); err != nil {
				if b == list[0] {
					return nil, nil, err
				}
				b.broken = err
			}
		}
	}
	for round := range min(o.rounds, 7) {
		for i := range list {
			b := list[(i+round)%len(list)]
			if b.broken != nil || o.many == 0 || b.floor != nil {
				continue
			}
			err := b.atOnce(o.many)
			if err == nil && round < 3 && name == o.specs[0] {
				err = b.inARow()
			}
			if err != nil {
				if b == list[0] {
					return nil, nil, err
				}
				fmt.Fprintln(os.Stderr, "bench: many at once:", err)
			}
		}
	}
	if name == o.specs[0] {
		for round := range o.tails {
			for i := range list {
				b := list[(i+round)%len(list)]
				if b.broken == nil && b.floor == nil {
					if err := b.tail(tailOp(o.tails)); err != nil {
						return nil, nil, err
					}
				}
			}
		}
	}
	var results []result
	for _, b := range list {
		results = append(results, b.results(view, name, o)...)
	}
	if name == o.specs[0] {
		found, err := checkTight(slices.DeleteFunc(list, func(b *bench) bool { return b.floor != nil }), view, filepath.Join(dir, "payload"), filepath.Join(dir, name), spec)
		if err != nil {
			return nil, nil, err
		}
		results = append(results, found...)
	}
	return list, results, nil
}
