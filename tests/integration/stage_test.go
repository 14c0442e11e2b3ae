package integration

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// stageEnv makes the test program do one thing in a process of its own, where it can spoil its namespaces, and end.
const stageEnv = "RUNG_TEST_STAGE"

// inStage does what stage does under that name, in a process of its own.
func inStage(name string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), stageEnv+"="+name)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return errors.New(strings.TrimSpace(out.String()))
	}
	return nil
}

func stage(name string) int {
	runtime.LockOSThread()
	err := func() error {
		switch name {
		case "unshare-user":
			// A process with several threads may not do this by itself.
			cmd := exec.Command("/proc/self/exe")
			cmd.Env = []string{stageEnv + "=nothing"}
			cmd.SysProcAttr = &unix.SysProcAttr{Cloneflags: unix.CLONE_NEWUSER}
			return cmd.Run()
		case "unshare-time":
			return unix.Unshare(unix.CLONE_NEWTIME)
		case "alone":
			return firstOfAlone()
		case "records":
			return fuzzRecords()
		case "as-user":
			return asUser()
		case "make-keyring":
			return makeKeyring()
		case "no-smt":
			return withoutSMT()
		case "sched-fifo":
			return unix.SchedSetAttr(0, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_FIFO, Priority: 1}, 0)
		case "mount-overlay":
			if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
				return err
			}
			if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
				return err
			}
			dir, err := os.MkdirTemp("", "stage-")
			if err != nil {
				return err
			}
			defer os.RemoveAll(dir)
			for _, d := range []string{"l", "u", "w", "m"} {
				if err := os.Mkdir(filepath.Join(dir, d), 0o755); err != nil {
					return err
				}
			}
			err = unix.Mount("overlay", dir+"/m", "overlay", 0, fmt.Sprintf("lowerdir=%s/l,upperdir=%s/u,workdir=%s/w", dir, dir, dir))
			if err == nil {
				err = unix.Unmount(dir+"/m", 0)
			}
			return err
		}
		return nil
	}()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// lookIDMap tries to map the ids of a clone of the directory that bundles are made in.
func lookIDMap() error {
	holder := exec.Command("/proc/self/exe")
	holder.Env = []string{stageEnv + "=nothing"}
	holder.SysProcAttr = &unix.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER,
		UidMappings: []idRange{{HostID: 100000, Size: 1}},
		GidMappings: []idRange{{HostID: 100000, Size: 1}},
		Ptrace:      true, // it stops at its exec
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := holder.Start(); err != nil {
		return err
	}
	defer func() {
		_ = holder.Process.Kill()
		_ = holder.Wait()
	}()
	ns, err := os.Open(fmt.Sprintf("/proc/%d/ns/user", holder.Process.Pid))
	if err != nil {
		return err
	}
	defer ns.Close()
	tree, err := unix.OpenTree(unix.AT_FDCWD, base, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return fmt.Errorf("open_tree: %w", err)
	}
	defer unix.Close(tree)
	err = unix.MountSetattr(tree, "", unix.AT_EMPTY_PATH, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_IDMAP, Userns_fd: uint64(ns.Fd())})
	if err != nil {
		return fmt.Errorf("mount_setattr: %w", err)
	}
	return nil
}
