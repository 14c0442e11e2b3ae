// Package subject is what the programs of tests have in common: they find the source tree and the runtime under test,
// and run in a mount namespace of their own.
package subject

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// Repository is the top of the source tree: the nearest directory upwards with a go.mod.
func Repository() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; dir != "/"; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
	}
	return "", errors.New("no go.mod upwards of the tests")
}

// Runtime is the runtime under test, which RUNG names, or else rung at the top of the source tree; and the first line of
// what it says of its version.
func Runtime(repository string) (path, version string, err error) {
	if path = os.Getenv("RUNG"); path == "" {
		path = filepath.Join(repository, "rung")
	}
	out, err := exec.Command(path, "--version").Output()
	if err != nil {
		return "", "", fmt.Errorf("%s --version: %w (RUNG names the runtime to test)", path, err)
	}
	line, _, _ := bytes.Cut(out, []byte("\n"))
	return path, string(line), nil
}

// Apart runs tests in a process and, as root, a mount namespace of their own, with a umask of 022: what they mount ends
// with them. This process stays behind for what they leave running: as init would, it waits for whatever has lost its
// parent. name is of the variable by which the inner process knows that it is.
func Apart(name string, tests func() int) (status int) {
	root := os.Geteuid() == 0
	if os.Getenv(name) != "" {
		unix.Umask(0o022)
		if root {
			if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
				return failed(fmt.Errorf("make / private: %w", err))
			}
		}
		return tests()
	}
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return failed(err)
	}
	attr := &os.ProcAttr{Env: append(os.Environ(), name+"=1"), Files: []*os.File{os.Stdin, os.Stdout, os.Stderr}}
	if root {
		attr.Sys = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS, Pdeathsig: unix.SIGKILL}
	}
	inner, err := os.StartProcess("/proc/self/exe", os.Args, attr)
	if err != nil {
		return failed(err)
	}
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, 0, nil)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return failed(err)
		case pid == inner.Pid:
			return status.ExitStatus()
		}
	}
}

func failed(err error) int {
	fmt.Fprintln(os.Stderr, "tests in a mount namespace of their own:", err)
	return 1
}
