package integration

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// victim is a container whose record is spoiled.
type victim struct {
	id, root, entry, bundle string
	pid, pidfd              int
	groups                  []string
	dir                     unix.Stat_t // of entry
	state, config           string
	gate                    bool
}

// newVictim makes one, that runs or waits at its gate.
func (f *records) newVictim() error {
	v, err := f.makeVictim("v"+strconv.Itoa(f.n), f.r.IntN(3) > 0)
	f.victim = v
	return err
}

func (f *records) makeVictim(id string, running bool) (*victim, error) {
	v := &victim{id: id, root: filepath.Join(f.dir, "store"), bundle: filepath.Join(f.dir, "bundle"), gate: !running}
	hook := ""
	if id == "other" {
		v.root, v.bundle, hook = filepath.Join(f.dir, "other-store"), filepath.Join(f.dir, "other"), filepath.Join(f.dir, "files", "a", "hook-ran")
	}
	v.entry = filepath.Join(v.root, id)
	rootfs := filepath.Join(v.bundle, "rootfs")
	if err := errors.Join(os.MkdirAll(filepath.Join(rootfs, "proc"), 0o755), os.MkdirAll(v.root, 0o700)); err != nil {
		return nil, err
	}
	if !exists(filepath.Join(rootfs, "probe")) {
		program, err := os.ReadFile(os.Getenv("PROBE"))
		if err == nil {
			err = os.WriteFile(filepath.Join(rootfs, "probe"), program, 0o755)
		}
		if err != nil {
			return nil, err
		}
	}
	if err := os.WriteFile(filepath.Join(v.bundle, "config.json"), victimConfig(id, ""), 0o644); err != nil {
		return nil, err
	}
	pidFile := filepath.Join(f.dir, "pid")
	line := []string{"--root", v.root, "create", "--bundle", v.bundle, "--pid-file", pidFile, id}
	if running {
		line = slices.Insert(slices.Replace(line, 2, 3, "run"), 3, "--detach")
	}
	if status, err := f.command(line...); err != nil || status != 0 {
		return nil, fmt.Errorf("%v: %d, %w\n%s", line, status, err, strings.Join(f.log, "\n"))
	}
	var err error
	if v.pid, err = readPid(pidFile); err != nil {
		return nil, err
	}
	if v.pidfd, err = unix.PidfdOpen(v.pid, 0); err != nil {
		return nil, err
	}
	for _, m := range f.mounts {
		if dir := filepath.Join(m, "c", id); exists(dir) {
			v.groups = append(v.groups, dir)
		}
	}
	if hook != "" { // its own config has a hook that must not run for another's end
		if err := os.WriteFile(filepath.Join(v.entry, "config.json"), victimConfig(id, hook), 0o600); err != nil {
			return nil, err
		}
	}
	if err := unix.Stat(v.entry, &v.dir); err != nil {
		return nil, err
	}
	state, err := os.ReadFile(filepath.Join(v.entry, "state.json"))
	config, err2 := os.ReadFile(filepath.Join(v.entry, "config.json"))
	v.state, v.config = string(state), string(config)
	if v.gate {
		err2 = errors.Join(err2, os.Link(filepath.Join(v.entry, "gate"), filepath.Join(f.dir, "gate-"+id)))
	}
	return v, errors.Join(err, err2)
}

// ended reports whether the container's init has.
func (v *victim) ended(limit int) bool {
	n, _ := unix.Poll([]unix.PollFd{{Fd: int32(v.pidfd), Events: unix.POLLIN}}, limit)
	return n > 0
}

// deleted holds what a delete that says 0 has promised.
func (v *victim) deleted() error {
	if _, err := os.Lstat(v.entry); err == nil {
		return errors.New("delete says 0, and the container's directory is there")
	}
	if !v.ended(int(patience.Milliseconds())) {
		return errors.New("delete says 0, and the container runs on")
	}
	return nil
}

// restored puts the record back, if the container is what it was.
func (v *victim) restored(f *records) bool {
	var now unix.Stat_t
	if v.ended(0) || unix.Lstat(v.entry, &now) != nil || now.Ino != v.dir.Ino {
		return false
	}
	for _, g := range v.groups {
		for file, value := range map[string]string{"freezer.state": "THAWED", "cgroup.freeze": "0"} {
			if name := filepath.Join(g, file); exists(name) && os.WriteFile(name, []byte(value), 0) != nil {
				return false
			}
		}
		if !exists(g) {
			return false
		}
	}
	var procs int
	if b, err := os.ReadFile(filepath.Join(v.groups[0], "cgroup.procs")); err == nil {
		procs = strings.Count(string(b), "\n")
	}
	if procs != 1 || v.gate != strings.HasPrefix(comm(v.pid), "rung:[init]") {
		return false // an exec is there, or it was started
	}
	entries, err := os.ReadDir(v.entry)
	if err != nil || os.Chmod(v.entry, 0o700) != nil || os.Chown(v.entry, 0, 0) != nil {
		return false
	}
	for _, e := range entries {
		if os.RemoveAll(filepath.Join(v.entry, e.Name())) != nil {
			return false
		}
	}
	err = errors.Join(os.WriteFile(filepath.Join(v.entry, "state.json"), []byte(v.state), 0o600), os.WriteFile(filepath.Join(v.entry, "config.json"), []byte(v.config), 0o600))
	if v.gate {
		err = errors.Join(err, os.Link(filepath.Join(f.dir, "gate-"+v.id), filepath.Join(v.entry, "gate")))
	}
	return err == nil
}

func comm(pid int) string {
	b, _ := os.ReadFile("/proc/" + itoa(pid) + "/comm")
	return string(b)
}

// remove ends what is left of it, without rung.
func (v *victim) remove(f *records) error {
	for _, dir := range v.groups {
		_ = os.WriteFile(filepath.Join(dir, "freezer.state"), []byte("THAWED"), 0)
		_ = os.WriteFile(filepath.Join(dir, "cgroup.freeze"), []byte("0"), 0)
	}
	_ = unix.PidfdSendSignal(v.pidfd, unix.SIGKILL, nil, 0)
	if !v.ended(int(patience.Milliseconds())) {
		return errors.New("it does not end")
	}
	unix.Close(v.pidfd)
	for _, m := range f.mounts {
		if dir := filepath.Join(m, "c", v.id); exists(dir) {
			removeCgroup(dir)
		}
	}
	_ = os.Remove(filepath.Join(f.dir, "gate-"+v.id))
	return os.RemoveAll(v.root)
}

// spoil changes what the container's directory has. It returns the kinds of what it did, each a word first.
func (v *victim) spoil(f *records) (kinds []string, err error) {
	r := f.r
	do := func(kind string, e error) {
		kinds = append(kinds, kind)
		err = errors.Join(err, e)
	}
	if r.IntN(10) > 0 {
		do(v.spoilState(f))
	}
	if r.IntN(4) == 0 {
		text := v.config
		switch r.IntN(3) {
		case 0:
			text = victimConfig2(f.by.other.config, v, r.IntN(2) == 0)
		case 1:
			text = f.typedOver(text)
		default:
			text = text[:r.IntN(len(text))]
		}
		do("config.json", v.put(f, "config.json", text))
	}
	if r.IntN(8) == 0 {
		do("gate", v.put(f, "gate", "text"))
	}
	if r.IntN(16) == 0 {
		switch r.IntN(4) {
		case 0:
			do("directory with 0777", os.Chmod(v.entry, 0o777))
		case 1:
			do("directory of another user", os.Chown(v.entry, 65534, 65534))
		case 2:
			do("directory with a link", os.Symlink(f.by.files, filepath.Join(v.entry, "notify")))
		default:
			do("directory with more", os.Mkdir(filepath.Join(v.entry, "notify"), 0o755))
		}
	}
	if len(kinds) == 0 {
		kinds = []string{"nothing"}
	}
	return kinds, err
}

// victimConfig2 is another container's config, or one with its hook.
func victimConfig2(other string, v *victim, whole bool) string {
	if whole {
		return other
	}
	return strings.ReplaceAll(other, `"/c/other"`, `"/c/`+v.id+`"`)
}

// put makes a file of the directory that text, or something else that is no file with it.
func (v *victim) put(f *records, name, text string) error {
	path := filepath.Join(v.entry, name)
	if err := os.RemoveAll(path); err != nil {
		return err
	}
	switch f.r.IntN(24) {
	case 0:
		return nil // missing
	case 1:
		return errors.Join(os.Mkdir(path, 0o755), os.Mkdir(path+"/x", 0o755))
	case 2:
		return unix.Mkfifo(path, 0o600)
	case 3:
		return os.Symlink(pick(f, filepath.Join(f.by.files, "a/file"), filepath.Join(f.by.other.entry, name), "/dev/zero", "/proc/self/mem", filepath.Join(f.by.files, "socket")), path)
	case 4:
		return os.Link(filepath.Join(f.by.files, "socket"), path)
	case 5:
		return errors.Join(os.WriteFile(path, nil, 0o600), os.Truncate(path, 1<<pick(f, 20, 30, 42)))
	case 6:
		return errors.Join(os.WriteFile(path, []byte(text), 0o600), os.Chown(path, 65534, 65534))
	}
	return os.WriteFile(path, []byte(text), 0o600)
}

func pick[T any](f *records, list ...T) T { return list[f.r.IntN(len(list))] }

// spoilState makes a record of one of the kinds.
func (v *victim) spoilState(f *records) (kind string, err error) {
	r := f.r
	text := v.state
	switch r.IntN(7) {
	case 0:
		kind, text = "cut", text[:r.IntN(len(text))]
	case 1:
		other := pick(f, f.by.other.state, v.state, unsigned(f.by.other.state))
		kind, text = "spliced", text[:r.IntN(len(text))]+other[r.IntN(len(other)):]
	case 2:
		kind, text = "typed-over", f.typedOver(text)
	case 3:
		kind = "foreign"
		text = f.by.other.state
		if r.IntN(2) == 0 {
			text = strings.Replace(text, `"id":"other"`, `"id":"`+v.id+`"`, 1)
		}
		if r.IntN(2) == 0 {
			text = strings.Replace(text, f.by.other.entry, v.entry, 1)
		}
		text = pick(f, signed, unsigned)(text)
	default:
		kind = "forged"
		for range 1 + r.IntN(3) {
			text = f.forged(text)
		}
		text = pick(f, signed, unsigned, signed, func(s string) string { return s })(text)
	}
	return kind, v.put(f, "state.json", text)
}

// typedOver is a text with a few bytes, digits or words written over.
func (f *records) typedOver(text string) string {
	b := []byte(text)
	for range 1 + f.r.IntN(4) {
		at := f.r.IntN(len(b))
		switch f.r.IntN(3) {
		case 0:
			b[at] = byte(f.r.Uint32())
		case 1:
			b[at] = "0123456789\"{}[],:/"[f.r.IntN(18)]
		default:
			copy(b[at:], pick(f, `"id":"other"`, "true", "null", "/../", "9999999999", `"},{"`))
		}
	}
	return string(b)
}

var (
	groups  = regexp.MustCompile(`("path":"[^"]*)/c/[^"/]*"`)
	paths   = regexp.MustCompile(`"path":"[^"]*"`)
	number  = regexp.MustCompile(`"(init_process_pid|creator_pid)":\d+`)
	started = regexp.MustCompile(`"init_process_pid":\d+,"init_process_start":\d+`)
	strs    = regexp.MustCompile(`"(bundle|rootfs|phase|unit|cgroup_driver|directory|config_sum|owner|created)":"[^"]*"`)
)

// forged puts something of a bystander's into a record.
func (f *records) forged(text string) string {
	r := f.r
	replace := func(re *regexp.Regexp, with string, all bool) string {
		if all {
			return re.ReplaceAllLiteralString(text, with)
		}
		found := re.FindAllStringIndex(text, -1)
		if len(found) == 0 {
			return text
		}
		at := found[r.IntN(len(found))]
		return text[:at[0]] + with + text[at[1]:]
	}
	mount := pick(f, f.mounts...)
	switch r.IntN(8) {
	case 0, 1: // a bystander's, the fuzzer's, or the first process's pid, with its start
		pid := pick(f, f.by.pids[0], f.by.pids[1], f.by.other.pid, os.Getpid(), 1)
		return replace(started, fmt.Sprintf(`"init_process_pid":%d,"init_process_start":%d`, pid, startOf(pid)), true)
	case 2:
		return replace(number, `"`+pick(f, "init_process_pid", "creator_pid")+`":`+pick(f, "0", "1", "-1", itoa(os.Getpid()), "2147483647", itoa(f.by.other.pid)), false)
	case 3, 4: // one hierarchy's path
		at := pick(f, mount, mount+"/", mount+"/by", mount+"/by/empty", mount+"/empty", mount+"/c", mount+"/c/other", mount+"/by/../by", mount+"//by", mount+"/by/.",
			"/", "", f.by.files, f.by.files+"/a", f.by.files+"/a/b", "/sys/fs/cgroup", "/proc/1/root", "relative", "/sys/fs/cgroup/none/by")
		return replace(paths, `"path":"`+at+`"`, r.IntN(4) == 0)
	case 5: // every hierarchy's
		at := pick(f, "/by", "/empty", "/c/other", "/by/empty", "/c", "", "/")
		return groups.ReplaceAllString(text, "${1}"+at+`"`)
	case 6:
		name := pick(f, "bundle", "rootfs", "phase", "unit", "cgroup_driver", "directory", "config_sum", "owner", "created")
		return replace(strs, `"`+name+`":"`+pick(f, "", "/", "intent", "created", "init.scope", "by.scope", "systemd", f.by.files, f.by.other.entry, f.by.other.bundle, "0000000000000000")+`"`, false)
	}
	with := pick(f, `"own_pid_namespace":false`, `"marked":false`, `"poststop":true`, `"poststart":true`, `"start_hooks":true`, `"notify":true`, `"rootless":true`,
		`"rdt_class":"`+f.by.files+`/victim","rdt_own":true`, `"rdt_monitor":"`+f.by.files+`/mon_groups/victim"`, `"pid_file":"`+f.by.files+`/a/file"`,
		`"annotations":{"run.oci.hooks.stdout":"`+f.by.files+`/a/file"}`, `"user_unit":true`)
	return strings.Replace(text, `,"creator_pid"`, ","+with+`,"creator_pid"`, 1)
}

// startOf is field 22 of proc_pid_stat(5).
func startOf(pid int) uint64 {
	b, _ := os.ReadFile("/proc/" + itoa(pid) + "/stat")
	fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	n, _ := strconv.ParseUint(fields[19], 10, 64)
	return n
}
