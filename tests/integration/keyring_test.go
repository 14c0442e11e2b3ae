package integration

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// namedKeyring says whether the session keyring has the container's name, with what rung adds to it.
func namedKeyring(r report, id string) bool {
	return strings.HasSuffix(r.Keyring, ";_ses."+id) || strings.Contains(r.Keyring, ";_ses."+id+".")
}

// makeKeyring is the stage of keyringOf: it joins a session keyring of that name, opens it to everybody, and holds it.
func makeKeyring() error {
	uid, err := strconv.Atoi(os.Getenv("RUNG_TEST_UID"))
	if err != nil {
		return err
	}
	if err := unix.Setresuid(uid, uid, uid); err != nil {
		return err
	}
	ring, err := unix.KeyctlJoinSessionKeyring(os.Getenv("RUNG_TEST_KEYRING"))
	if err != nil {
		return err
	}
	if err := unix.KeyctlSetperm(ring, 0x3f3f3f3f); err != nil {
		return err
	}
	fmt.Println(ring)
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// keyringOf makes a keyring of a user of the host, which lasts until the test ends.
func keyringOf(t *testing.T, uid int, name string) (id int64) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), stageEnv+"=make-keyring", "RUNG_TEST_UID="+itoa(uid), "RUNG_TEST_KEYRING="+name)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	id, err = strconv.ParseInt(strings.TrimSpace(line), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// Whoever made a keyring under the container's name before would own, or hold, the container's keys: an ordinary user
// of the host, or root of another container without a user namespace.
func TestKeyring_made_before_by_others_is_not_joined(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung") // runc and crun join it
	for _, uid := range []int{stranger, 0} {
		for _, users := range []bool{false, true} {
			t.Run(fmt.Sprintf("of user %d, user namespace %v", uid, users), func(t *testing.T) {
				t.Parallel()
				b := newBundle(t)
				if users {
					b = userBundle(t)
				}
				others := map[int64]bool{keyringOf(t, uid, "_ses."+b.ID): true}
				b.Spec.Process.Args = []string{"/probe", "--report", "--until-term"}
				c := b.create().start()
				own := c.nextReport()
				c.next("waiting")
				if others[own.KeyringID] || !strings.HasPrefix(own.Keyring, "keyring;0;") {
					t.Errorf("the container's session keyring is %d, %q", own.KeyringID, own.Keyring)
				}
				// and when the name has become known
				_, name, _ := strings.Cut(own.Keyring, "_ses")
				others[keyringOf(t, uid, "_ses"+name)] = true
				r := c.execProbe(nil)
				want(t, "session keyring of exec", r.KeyringID, own.KeyringID)
			})
		}
	}
}

// Two containers of one name, of two stores, share nothing by it.
func TestKeyring_of_containers_with_the_same_id_are_two(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung")
	a, b := newBundle(t), newBundle(t)
	var rings [2]int64
	for i, x := range []*bundle{a, b} {
		x.ID = a.ID
		x.ids = []string{a.ID}
		x.Spec.Process.Args = []string{"/probe", "--report", "--until-term"}
		c := x.create().start()
		rings[i] = c.nextReport().KeyringID
		c.next("waiting")
	}
	for _, x := range []*bundle{a, b} { // before one of them is looked for what is left of both
		x.must("delete", "--force", a.ID)
	}
	if rings[0] == rings[1] {
		t.Errorf("both have the session keyring %d", rings[0])
	}
}

// The longest id that there may be is part of the keyring's name.
func TestKeyring_of_the_longest_id(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	b.ID = b.ID + strings.Repeat("x", 255-len(b.ID))
	b.ids = []string{b.ID}
	r := b.probe(func(s *specs.Spec) { s.Linux.CgroupsPath = "/" + b.ID })
	if !namedKeyring(r, b.ID) {
		t.Errorf("session keyring %q", r.Keyring)
	}
}
