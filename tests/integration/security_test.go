package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// replaceByLink makes a directory of the image a symlink.
func (b *bundle) replaceByLink(dir, target string) {
	b.t.Helper()
	if err := os.RemoveAll(filepath.Join(b.Rootfs, dir)); err != nil {
		b.t.Fatal(err)
	}
	if err := os.Symlink(target, filepath.Join(b.Rootfs, dir)); err != nil {
		b.t.Fatal(err)
	}
}

// CVE-2019-19921, CVE-2023-27561: with the mount elsewhere, masks and labels miss.
func TestSecurity_proc_and_sys_of_the_image_are_no_symlinks(t *testing.T) {
	t.Parallel()
	for _, dir := range []string{"proc", "sys"} {
		for _, target := range []string{"/evil", "tmp", "/", "/../../../../tmp"} {
			t.Run(dir+" to "+target, func(t *testing.T) {
				t.Parallel()
				if dir == "sys" {
					requires(t, "rt:runc-1.4")
				}
				b := newBundle(t)
				mkdir(t, b.Rootfs+"/evil", 0o755)
				b.replaceByLink(dir, target)
				b.Spec.Process.Args = []string{"/probe", "--echo", "it-started"}
				res := b.run()
				wantFailure(t, res)
				if strings.Contains(res.Stdout, "it-started") {
					t.Error("the process was started")
				}
				if dir == "proc" && lacking("rt:runc") == nil {
					wantFailure(t, res, "must be mounted on ordinary directory")
				}
			})
		}
	}
}

func TestSecurity_the_callers_descriptors_are_not_in_a_created_init(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung")
	b := newBundle(t)
	secret := filepath.Join(b.Dir, "secret")
	writeFile(t, secret, "s")
	f, err := os.Open(secret)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b.Extra = []*os.File{f, f, f, f}
	b.Spec.Process.Args = []string{"/probe", "--sleep"}
	c := b.create()
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", c.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		target, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%s", c.Pid, e.Name()))
		if err != nil {
			continue
		}
		if target == secret {
			t.Errorf("the caller's descriptor is the init's %s", e.Name())
		}
		if strings.HasPrefix(target, b.Root) {
			t.Errorf("the init has %s open", target)
		}
	}
}

// CVE-2019-5736: the runtime's own file must not be writable from inside.
func TestSecurity_the_runtimes_file_is_out_of_reach(t *testing.T) {
	t.Parallel()
	before := fileID(t, runtimePath)
	b := newBundle(t)
	if err := os.Symlink("/proc/self/exe", b.Rootfs+"/entry"); err != nil {
		t.Fatal(err)
	}
	b.Spec.Process.Args = []string{"/entry", "--version"}
	b.run() // it may fail, or run the sealed copy
	b.Spec.Process.Args = []string{"/probe", "--until-term"}
	c := b.create()
	exe := fmt.Sprintf("/proc/%d/exe", c.Pid)
	if f, err := os.OpenFile(exe, os.O_WRONLY, 0); err == nil {
		f.Close()
		t.Error("the waiting init's executable can be opened for writing")
	} else if runtimeName == "rung" && !strings.Contains(err.Error(), "read-only") && !strings.Contains(err.Error(), "text file busy") && !strings.Contains(err.Error(), "not permitted") {
		t.Error(err)
	}
	want(t, "the runtime", fileID(t, runtimePath), before)
}

func fileID(t *testing.T, path string) string {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(st.Ino, st.Size, st.Mtim, st.Ctim)
}

func TestSecurity_masked_paths_of_the_image_cannot_point_outside(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	writeFile(t, b.Dir+"/host-file", "host")
	if err := os.Symlink(b.Dir+"/host-file", b.Rootfs+"/link"); err != nil {
		t.Fatal(err)
	}
	b.Spec.Linux.MaskedPaths = []string{"/link"}
	b.Spec.Linux.ReadonlyPaths = []string{"/link"}
	b.Spec.Process.Args = []string{"/probe", "--exit", "0"}
	b.run()
	want(t, "the host's file", readFile(t, b.Dir+"/host-file"), "host")
	wantSlice(t, "mounts", mountsBelow(t, b.Dir), nil)
}

func TestSecurity_the_waiting_init_cannot_be_traced(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung")
	b := newBundle(t)
	b.Spec.Process.Args = []string{"/probe", "--sleep"}
	c := b.create()
	var st unix.Stat_t
	// What is not dumpable belongs, in /proc, to root of the initial user namespace.
	if err := unix.Stat(fmt.Sprintf("/proc/%d/fd", c.Pid), &st); err != nil {
		t.Fatal(err)
	}
	want(t, "owner", st.Uid, 0)
}

func TestSecurity_the_state_is_not_for_others(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	b.Spec.Process.Args = []string{"/probe", "--sleep"}
	b.create()
	st, err := os.Stat(filepath.Join(b.Root, b.ID))
	if err != nil {
		t.Fatal(err)
	}
	if st.Mode().Perm()&0o066 != 0 {
		t.Errorf("mode of the state directory: %v", st.Mode())
	}
}

// What was opened for masks and mounts on the way is closed while the init waits.
func TestSecurity_the_waiting_init_holds_its_root_and_its_channels_alone(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung")
	b := newBundle(t)
	b.Spec.Linux.MaskedPaths = []string{"/proc/acpi", "/proc/kcore", "/proc/keys"}
	b.Spec.Process.Args = []string{"/probe", "--sleep"}
	c := b.create()
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", c.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if n, _ := strconv.Atoi(e.Name()); n < 3 {
			continue
		}
		target, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%s", c.Pid, e.Name()))
		if err != nil {
			continue
		}
		if target != "/" && !strings.HasPrefix(target, "socket:") {
			t.Errorf("descriptor %s is %s", e.Name(), target)
		}
	}
}
