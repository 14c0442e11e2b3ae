package integration

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// bystanders are processes, cgroups and files that are nobody's business but their own.
type bystanders struct {
	pids   []int
	polls  []unix.PollFd
	groups map[string]string // a cgroup, and what its files said
	files  string            // a directory
	tree   string            // what is in it
	other  *victim           // a running container of another store
}

// process starts one that stays, in these cgroups.
func (b *bystanders) process(groups ...string) error {
	cmd := exec.Command(os.Getenv("PROBE"), "--sleep")
	if err := cmd.Start(); err != nil {
		return err
	}
	return b.watch(cmd.Process.Pid, groups...)
}

// watch takes a process under observation.
func (b *bystanders) watch(pid int, groups ...string) error {
	for _, g := range groups {
		if err := os.WriteFile(g+"/cgroup.procs", []byte(itoa(pid)), 0); err != nil {
			return err
		}
	}
	fd, err := unix.PidfdOpen(pid, 0)
	b.pids = append(b.pids, pid)
	b.polls = append(b.polls, unix.PollFd{Fd: int32(fd), Events: unix.POLLIN})
	return err
}

// groupState is what another's command could have changed of a cgroup.
func groupState(dir string) string {
	var s strings.Builder
	for _, file := range []string{"cgroup.procs", "freezer.state", "cgroup.freeze", "pids.max", "memory.limit_in_bytes", "memory.max", "cpuset.cpus"} {
		if b, err := os.ReadFile(filepath.Join(dir, file)); err == nil {
			fmt.Fprintf(&s, "%s=%q ", file, b)
		}
	}
	return s.String()
}

// intact says which bystander is not what it was. whole asks for the files, too.
func (b *bystanders) intact(whole bool) error {
	if n, _ := unix.Poll(b.polls, 0); n > 0 {
		for i, p := range b.polls {
			if p.Revents != 0 {
				return fmt.Errorf("bystander process %d was killed", b.pids[i])
			}
		}
	}
	for dir, was := range b.groups {
		if !whole {
			if err := unix.Access(dir, unix.F_OK); err != nil {
				return fmt.Errorf("bystander cgroup %s was removed", dir)
			}
			continue
		}
		if is := groupState(dir); is != was {
			return fmt.Errorf("bystander cgroup %s was %s and is %s", dir, was, is)
		}
	}
	if is := fileTable(b.files); is != b.tree {
		return fmt.Errorf("bystander files were\n%s\nand are\n%s", b.tree, is)
	}
	if err := unix.Access(b.other.entry, unix.F_OK); err != nil {
		return errors.New("the record of another container was removed")
	}
	return nil
}

// fileTable is every name below a directory, with its mode, size and time of change.
func fileTable(dir string) string {
	var s strings.Builder
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if info, err := d.Info(); err == nil {
			fmt.Fprintln(&s, path, info.Mode(), info.Size(), info.ModTime().UnixNano())
		}
		return nil
	})
	return s.String()
}

// standBy makes the bystanders: a process in cgroups of its own, one in nobody's, empty cgroups, a container of another
// store with a hook, and a tree of ordinary files that look like a cgroup's.
func (f *records) standBy() error {
	b := &f.by
	b.groups = map[string]string{}
	var populated []string
	for _, m := range f.mounts {
		for _, name := range []string{"by", "by/empty", "empty"} {
			dir := filepath.Join(m, name)
			if err := makeGroup(dir); err != nil {
				return err
			}
			b.groups[dir] = ""
		}
		populated = append(populated, filepath.Join(m, "by"))
	}
	if err := errors.Join(b.process(populated...), b.process()); err != nil {
		return err
	}
	b.files = filepath.Join(f.dir, "files")
	for _, dir := range []string{"a/b/c", "d", "victim", "mon_groups/victim"} {
		if err := os.MkdirAll(filepath.Join(b.files, dir), 0o755); err != nil {
			return err
		}
	}
	for name, text := range map[string]string{
		"cgroup.procs": itoa(b.pids[0]) + "\n", "cgroup.freeze": "0", "freezer.state": "THAWED", "cgroup.events": "populated 1\nfrozen 0\n", "cgroup.kill": "", "tasks": itoa(b.pids[1]),
		"pids.max": "max", "a/cgroup.procs": itoa(b.pids[1]) + "\n", "a/file": "text", "memory.limit_in_bytes": "1", "schemata": "L3:0=f", "d/cgroup.subtree_control": "",
	} {
		if err := os.WriteFile(filepath.Join(b.files, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	if err := unix.Mkfifo(filepath.Join(b.files, "a/b/cgroup.procs"), 0o644); err != nil {
		return err
	}
	// a socket at which nobody ever answers
	if err := listenFor(filepath.Join(b.files, "socket")); err != nil {
		return err
	}
	var err error
	if b.other, err = f.makeVictim("other", true); err != nil {
		return err
	}
	for _, dir := range b.other.groups {
		b.groups[dir] = ""
	}
	if err := b.watch(b.other.pid); err != nil {
		return err
	}
	for dir := range b.groups {
		b.groups[dir] = groupState(dir)
	}
	b.tree = fileTable(b.files)
	return nil
}

// listenFor makes a socket that takes connections and says nothing.
func listenFor(path string) error {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		return err
	}
	return unix.Listen(fd, 4)
}

// victimConfig is a container that is quickly made.
func victimConfig(id, hook string) []byte {
	ns := []map[string]string{{"type": "pid"}, {"type": "mount"}}
	config := map[string]any{
		"ociVersion": "1.0.2", "root": map[string]any{"path": "rootfs"},
		"process": map[string]any{"args": []string{"/probe", "--sleep"}, "cwd": "/", "env": []string{"RUNG_TEST=" + id}, "user": map[string]int{}},
		"mounts":  []map[string]string{{"destination": "/proc", "type": "proc", "source": "proc"}},
		"linux":   map[string]any{"namespaces": ns, "cgroupsPath": "/c/" + id},
	}
	if hook != "" {
		h := []map[string]any{{"path": "/bin/touch", "args": []string{"touch", hook}}}
		config["hooks"] = map[string]any{"poststop": h, "poststart": h}
	}
	raw, err := json.Marshal(config)
	if err != nil {
		panic(err)
	}
	return raw
}
