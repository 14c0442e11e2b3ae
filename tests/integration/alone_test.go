package integration

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// aloneEnv is set in a run of the tests that alone has started: the pid, outside its namespace, of the run that started it
// and a number, which the IDs of its containers begin with.
const aloneEnv = "RUNG_TEST_ALONE"

// alone runs the calling test again in a PID namespace of its own, and reports whether that was done: the caller returns then.
// It is for containers that resist their end or fork without one: with the first process of the namespace everything in it
// ends, whatever the runtime under test does.
func alone(t *testing.T) (done bool) {
	t.Helper()
	if os.Getenv(aloneEnv) != "" {
		return false
	}
	requires(t, "root")
	out := tempFile(t, t.TempDir())
	defer out.Close()
	cmd := exec.Command("/proc/self/exe", "-test.run", "^"+t.Name()+"$", "-test.v", "-test.timeout", "20m")
	cmd.Env = append(os.Environ(), stageEnv+"=alone", fmt.Sprintf("%s=%d-%d", aloneEnv, os.Getpid(), serial.Add(1)), viewDone+"=1", "RUNG="+runtimePath)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &unix.SysProcAttr{Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNS, Pdeathsig: unix.SIGKILL}
	if err := cmd.Run(); err != nil {
		t.Errorf("in a PID namespace of its own: %v\n%s", err, contents(t, out))
	}
	if !strings.Contains(contents(t, out), "--- PASS: "+t.Name()) {
		t.Errorf("it did not run in a PID namespace of its own:\n%s", contents(t, out))
	}
	return true
}

// firstOfAlone is the first process of the namespaces: it starts the tests, and waits for all who lose their parents.
func firstOfAlone() error {
	err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
	if err == nil {
		err = unix.Mount("proc", "/proc", "proc", 0, "")
	}
	if err != nil {
		return err
	}
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, stageEnv+"=") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		return err
	}
	for {
		var ws unix.WaitStatus
		pid, err := unix.Wait4(-1, &ws, 0, nil)
		switch {
		case err != nil && !errors.Is(err, unix.EINTR):
			return err
		case err == nil && pid == cmd.Process.Pid && ws != 0:
			return fmt.Errorf("the tests ended with status %d, signal %d", ws.ExitStatus(), ws.Signal())
		case err == nil && pid == cmd.Process.Pid:
			return nil
		}
	}
}
