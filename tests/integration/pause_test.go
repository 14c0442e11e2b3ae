package integration

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// frozenFile is a control file that tells whether the container is frozen, and what it holds then.
func (b *bundle) frozenFile() (file, frozen string) {
	if top := unifiedTop(); top != "" {
		return top + b.Spec.Linux.CgroupsPath + "/cgroup.freeze", "1\n"
	}
	return b.cgroupDir("freezer") + "/freezer.state", "FROZEN\n"
}

func needsFreezer(t *testing.T) {
	t.Helper()
	if unifiedTop() == "" {
		requires(t, "v1:freezer")
	}
}

func TestPause_and_resume(t *testing.T) {
	t.Parallel()
	needsFreezer(t)
	b := waiting(t)
	c := b.runDetached()
	c.next("waiting")
	b.must("pause", b.ID)
	b.wantStatus("paused")
	file, frozen := b.frozenFile()
	if got, err := os.ReadFile(file); err != nil || string(got) != frozen {
		t.Errorf("%s: %q, %v", file, got, err)
	}
	b.must("kill", b.ID, "TERM") // is noticed when it goes on
	b.wantStatus("paused")
	b.must("resume", b.ID)
	c.next("signal")
	want(t, "exit status", c.wait(), 0)
	b.wantStatus("stopped")
}

func TestPause_of_what_does_not_run(t *testing.T) {
	t.Parallel()
	needsFreezer(t)
	b := waiting(t)
	b.writeConfig()
	wantFailure(t, b.runtime("pause", b.ID), "does not exist")
	wantFailure(t, b.runtime("resume", b.ID), "does not exist")
	c := b.create()
	if lacking("rt:rung") == nil {
		wantFailure(t, b.runtime("pause", b.ID), "created")
	}
	wantFailure(t, b.runtime("resume", b.ID), "created", "not paused")
	c.start().next("waiting")
	wantFailure(t, b.runtime("resume", b.ID), "running", "not paused")
	b.must("pause", b.ID)
	wantFailure(t, b.runtime("pause", b.ID), "paused already")
	b.wantStatus("paused")
	b.must("resume", b.ID)
	b.must("kill", b.ID, "KILL")
	c.wait()
	wantFailure(t, b.runtime("pause", b.ID), "container not running")
	wantFailure(t, b.runtime("resume", b.ID), "stopped", "not paused")
}

func TestPause_does_not_touch_others(t *testing.T) {
	t.Parallel()
	needsFreezer(t)
	a := waiting(t)
	a.runDetached().next("waiting")
	b := a.another()
	b.Spec.Process.Args = []string{"/probe", "--until-term"}
	b.runDetached().next("waiting")
	a.must("pause", a.ID)
	b.wantStatus("running")
	wantFailure(t, b.runtime("resume", b.ID), "not paused")
	a.wantStatus("paused")
}

func TestPause_a_paused_container_can_be_killed(t *testing.T) {
	t.Parallel()
	needsFreezer(t)
	b := waiting(t)
	c := b.runDetached()
	c.next("waiting")
	b.must("pause", b.ID)
	b.must("kill", b.ID, "KILL")
	if !waitExit(t, c.Pid, patience) {
		t.Fatal("it lives")
	}
	c.wait()
	b.wantStatus("stopped")
	b.must("delete", b.ID)
}

func TestPause_a_paused_container_can_be_deleted_by_force(t *testing.T) {
	t.Parallel()
	needsFreezer(t)
	b := waiting(t)
	c := b.runDetached()
	c.next("waiting")
	b.must("pause", b.ID)
	wantFailure(t, b.runtime("delete", b.ID), "not stopped")
	b.must("delete", "--force", b.ID)
	c.wait()
}

func TestPause_processes_stand(t *testing.T) {
	t.Parallel()
	needsFreezer(t)
	requires(t, "command:busybox")
	b := newBundle(t)
	// a process that is never without work
	b.Spec.Process.Args = []string{"/bin/sh", "-c", "while :; do :; done"}
	withMount(bind(lookPath(t, "busybox"), "/bin/sh", "bind", "ro"))(b.Spec)
	writeFile(t, b.Rootfs+"/bin/sh", "")
	c := b.runDetached()
	used := func() string {
		f := strings.Fields(readFile(t, fmt.Sprintf("/proc/%d/stat", c.Pid)))
		return f[13] + " " + f[14]
	}
	eventually(t, "it uses time", func() bool { return used() != "0 0" })
	b.must("pause", b.ID)
	before := used()
	// as long as the runtime takes to say that it is paused: it would have used some
	for start := time.Now(); time.Since(start) < 50*time.Millisecond; {
		b.wantStatus("paused")
	}
	want(t, "ticks used while paused", used(), before)
	b.must("resume", b.ID)
	eventually(t, "it uses time again", func() bool { return used() != before })
	b.must("kill", b.ID, "KILL")
	c.wait()
}

// eventually asks until it is so.
func eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !so(); {
		if time.Now().After(end) {
			t.Fatalf("not in %v: %s", patience, what)
		}
	}
}
