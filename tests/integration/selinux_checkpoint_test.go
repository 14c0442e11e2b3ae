package integration

import (
	"strings"
	"testing"
)

const (
	selinuxOtherProcess = "system_u:system_r:container_t:s0:c3"
	selinuxOneCategory  = "system_u:object_r:container_file_t:s0:c3"
	selinuxOtherFile    = "system_u:object_r:container_file_t:s0:c2,c3"
)

// Mounts keep their label, unless the restore gives them another. The kernel is asked: a file that is made in a mount with
// context= has its label, and cannot get one of its own.
func TestSELinux_mount_labels_of_a_restored_container(t *testing.T) {
	t.Parallel()
	requires(t, "selinux", "criu")
	labelled := []string{"/dev", "/dev/shm", "/dev/pts"}
	b := dumpableBundle(t)
	b.Spec.Linux.MountLabel = selinuxFile
	rounds := []struct {
		label   string
		options []string
	}{
		{selinuxFile, nil},
		{selinuxOneCategory, []string{"--lsm-mount-context", selinuxOneCategory}},
		{selinuxOtherFile, []string{"--lsm-mount-context", selinuxOtherFile}},
		{selinuxOtherFile, nil},
	}
	args := &b.Spec.Process.Args
	for range rounds {
		*args = append(*args, "--line", "--read", "/proc/self/mountinfo", "--create", "/dev/shm/made", "", "--xattr", "/dev/shm/made", "security.selinux", "--unlink", "/dev/shm/made")
		for _, m := range labelled {
			*args = append(*args, "--xattr", m, "security.selinux")
		}
	}
	*args = append(*args, "--line")
	c := b.untilReady()
	for _, r := range rounds {
		c.dump()
		c.restore(r.options...)
		c.say("go on")
		c.next("line")
		mounts := strings.ReplaceAll(c.next("read").Data, `"`, "") // around a label with a comma
		if strings.Count(mounts, "context="+r.label+",") != len(labelled) {
			t.Errorf("mounts, %d of them with the label %s wanted:\n%s", len(labelled), r.label, mounts)
		}
		c.wantOK("create")
		want(t, "new file", strings.TrimRight(c.wantOK("xattr").Data, "\x00"), r.label)
		c.wantOK("unlink")
		for _, m := range labelled {
			want(t, m, strings.TrimRight(c.wantOK("xattr").Data, "\x00"), r.label)
		}
	}
	c.end()
}

// A criu with SELinux's library restores labels of processes, and gives them others; one without leaves them out: then there
// is an error and no container, instead of one that runs with its host's label.
func TestSELinux_a_restored_process_has_its_label_or_does_not_run(t *testing.T) {
	t.Parallel()
	requires(t, "selinux", "criu")
	for _, r := range []struct {
		name, label string
		options     []string
		refusal     []string
	}{
		{"the label it had", selinuxProcess, nil, []string{selinuxProcess, "label"}},
		{"another", selinuxOtherProcess, []string{"--lsm-profile", "selinux:" + selinuxOtherProcess}, []string{"selinux"}},
	} {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			b := dumpableBundle(t, "--line", "--read", "/proc/self/attr/current")
			b.Spec.Process.SelinuxLabel = selinuxProcess
			c := b.untilReady()
			c.dump()
			c.feed = c.newStdin()
			c.say("go on")
			res := c.runtime(append(append([]string{"restore", "--bundle", c.Dir, "--image-path", c.images}, r.options...), c.ID)...)
			if res.Exit == 0 {
				if !strings.Contains(res.Stdout, r.label) {
					t.Errorf("label %s wanted: %s", r.label, res.output())
				}
				return
			}
			wantFailure(t, res, r.refusal...)
			want(t, "its output", res.Stdout, "")
			c.wantGone()
		})
	}
}
