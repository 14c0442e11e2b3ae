package plan

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func TestDiff(t *testing.T) {
	t.Parallel()
	a := &Plan{ID: "web", Bundle: "/a", Rootfs: "/a/rootfs", Runtime: []Step{{Do: Intent{}}, {Do: SaveState{}}}}
	b := &Plan{ID: "web", Bundle: "/a", Rootfs: "/a/rootfs", Runtime: a.Runtime}
	for i := range 12 {
		o := InitOp{Origin: "process.rlimits[" + strconv.Itoa(i) + "]", Op: &Rlimit{Resource: uint64(i)}}
		a.Init = append(a.Init, o)
		if i != 1 {
			b.Init = append(b.Init, o)
		}
		if i == 9 {
			b.Init = append(b.Init, InitOp{Op: &Hostname{Name: "web"}})
		}
	}
	if got := Diff(a, a, "a", "a"); got != "" {
		t.Errorf("a plan differs from itself:\n%s", got)
	}
	const want = `--- one
+++ two
@@ -6,7 +6,6 @@ init
   save-state
 init:
   rlimit resource=0 soft=0 hard=0    # process.rlimits[0]
-  rlimit resource=1 soft=0 hard=0    # process.rlimits[1]
   rlimit resource=2 soft=0 hard=0    # process.rlimits[2]
   rlimit resource=3 soft=0 hard=0    # process.rlimits[3]
   rlimit resource=4 soft=0 hard=0    # process.rlimits[4]
@@ -15,5 +14,6 @@ init
   rlimit resource=7 soft=0 hard=0    # process.rlimits[7]
   rlimit resource=8 soft=0 hard=0    # process.rlimits[8]
   rlimit resource=9 soft=0 hard=0    # process.rlimits[9]
+  hostname name=web
   rlimit resource=10 soft=0 hard=0    # process.rlimits[10]
   rlimit resource=11 soft=0 hard=0    # process.rlimits[11]
`
	if got := Diff(a, b, "one", "two"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// What Diff prints, patch(1) applies: it leads from the one to the other.
func TestDiff_can_be_applied(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("patch"); err != nil {
		t.Skip(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	random := func() *Plan {
		p := &Plan{ID: "web", Bundle: "/b", Rootfs: "/b/r"}
		for range r.IntN(40) {
			p.Init = append(p.Init, InitOp{Op: &Umask{Value: uint64(r.IntN(9))}})
		}
		return p
	}
	file := filepath.Join(t.TempDir(), "plan")
	for range 60 {
		a, b := random(), random()
		if err := os.WriteFile(file, []byte(strings.Join(a.Lines(), "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		diff := Diff(a, b, "plan", "plan")
		cmd := exec.Command("patch", "--fuzz=0", "--force", "--no-backup-if-mismatch", file)
		cmd.Stdin = strings.NewReader(diff)
		if out, err := cmd.CombinedOutput(); err != nil && diff != "" {
			t.Fatalf("patch: %v\n%s\n%s", err, out, diff)
		}
		got, err := os.ReadFile(file)
		if want := strings.Join(b.Lines(), "\n") + "\n"; err != nil || string(got) != want {
			t.Fatalf("%v\n%s\nleads to\n%s\nand not to\n%s", err, diff, got, want)
		}
	}
}
