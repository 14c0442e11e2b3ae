package integration

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The tests named TestCVE_… set up one published attack each, on sacrificial files, against the runtime under test: they
// fail when it works. tests/cve/README.md says which is which, and what came of them with other runtimes.

var rows struct {
	sync.Mutex
	result map[string]string // row of the table → held, failed or skipped
}

// cve says which rows of the table the test holds.
func cve(t *testing.T, ids ...string) {
	t.Helper()
	t.Cleanup(func() {
		result := "held"
		switch {
		case t.Failed():
			result = "failed"
		case t.Skipped():
			result = "skipped"
		}
		rows.Lock()
		defer rows.Unlock()
		if rows.result == nil {
			rows.result = map[string]string{}
		}
		for _, id := range ids {
			rows.result[id] = result
		}
	})
}

// reportRows prints how many rows held; nothing, when none was tried.
func reportRows() {
	rows.Lock()
	defer rows.Unlock()
	if len(rows.result) == 0 {
		return
	}
	by := map[string][]string{}
	for id, result := range rows.result {
		by[result] = append(by[result], id)
	}
	fmt.Printf("%d of %d CVE rows held", len(by["held"]), len(rows.result))
	for _, result := range []string{"skipped", "failed"} {
		if ids := by[result]; ids != nil {
			slices.Sort(ids)
			fmt.Printf("; %s: %s", result, strings.Join(ids, " "))
		}
	}
	fmt.Println()
}

// The tables name every row that a test holds, with that test, and no other.
func TestCVE_tables_and_tests_agree(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(repository, "tests/integration/cve_*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	held := map[string]string{}
	function := regexp.MustCompile(`(?m)^func (TestCVE_\w+)`)
	call := regexp.MustCompile(`(?m)^\tcve\(t((?:, "[^"]+")+)\)`)
	for _, file := range files {
		text := readFile(t, file)
		funcs := function.FindAllStringSubmatchIndex(text, -1)
		for _, c := range call.FindAllStringSubmatchIndex(text, -1) {
			var name string
			for _, f := range funcs {
				if f[0] < c[0] {
					name = text[f[2]:f[3]]
				}
			}
			for id := range strings.SplitSeq(text[c[2]:c[3]], ", ") {
				if id != "" {
					held[strings.Trim(id, `"`)] = name
				}
			}
		}
	}
	id := regexp.MustCompile(`(?:CVE|GHSA)-[\w-]+`)
	test := regexp.MustCompile("`(TestCVE_\\w+)`")
	for _, doc := range []string{"tests/cve/README.md", "docs/security.md"} {
		told := map[string]string{}
		for line := range strings.Lines(readFile(t, filepath.Join(repository, doc))) {
			cells := strings.Split(line, "|")
			name := test.FindStringSubmatch(line)
			if len(cells) < 4 || name == nil {
				continue
			}
			for _, i := range id.FindAllString(cells[1], -1) {
				told[i] = name[1]
			}
		}
		for i, name := range held {
			want(t, doc+": the test of "+i, told[i], name)
		}
		for i, name := range told {
			if held[i] == "" {
				t.Errorf("%s: %s is said to be held by %s, which does not say so", doc, i, name)
			}
		}
	}
}

// prey is a directory of the host's that attacks are aimed at. Nothing in it may change.
type prey struct {
	t      *testing.T
	Dir    string // of the names file, a secret of root's, and dir, a directory
	Secret string // what stands in file, and nowhere else
	before string
}

func (b *bundle) prey() *prey {
	b.t.Helper()
	p := &prey{t: b.t, Dir: filepath.Join(b.Dir, "prey"), Secret: "secret of " + b.ID}
	mkdir(b.t, filepath.Join(p.Dir, "dir"), 0o755)
	writeFile(b.t, p.Dir+"/file", p.Secret)
	if err := os.Chmod(p.Dir+"/file", 0o600); err != nil {
		b.t.Fatal(err)
	}
	p.settle()
	return p
}

// settle takes what is there for what has to stay.
func (p *prey) settle() { p.before = snapshot(p.t, p.Dir) }

// wantUntouched compares: names, kinds, modes, owners, contents, and the times of the last change.
func (p *prey) wantUntouched() {
	p.t.Helper()
	if now := snapshot(p.t, p.Dir); now != p.before {
		p.t.Errorf("the attack has reached the host's files: they were\n%sand are\n%s", p.before, now)
	}
}

// wantUnread says that the secret is not in there.
func (p *prey) wantUnread(what, out string) {
	p.t.Helper()
	if strings.Contains(out, p.Secret) {
		p.t.Errorf("%s: the attack has read the host's file: %s", what, brief(out))
	}
}

func snapshot(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err != nil {
			return err
		}
		var data []byte
		if d.Type().IsRegular() {
			if data, err = os.ReadFile(path); err != nil {
				return err
			}
		}
		fmt.Fprintf(&b, "%s mode %o owner %d:%d rdev %x changed %d.%09d %q\n", strings.TrimPrefix(path, dir), st.Mode, st.Uid, st.Gid, st.Rdev, st.Ctim.Sec, st.Ctim.Nsec, data)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// bait replaces what is at a path of the root file system by a symlink.
func (b *bundle) bait(path, target string) {
	b.t.Helper()
	full := filepath.Join(b.Rootfs, path)
	if err := os.RemoveAll(full); err != nil {
		b.t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.Symlink(target, full); err != nil {
		b.t.Fatal(err)
	}
}

// waysOut are links to a path of the host's: one that is absolute, and one that climbs.
func waysOut(path string) []string {
	return []string{path, "../../../../../../../../../../.." + path}
}

// withoutMounts takes mounts out of the config: what the image has there stays in sight.
func (b *bundle) withoutMounts(destinations ...string) {
	kept := b.Spec.Mounts[:0:0]
	for _, m := range b.Spec.Mounts {
		if !slices.ContainsFunc(destinations, func(d string) bool { return m.Destination == d || strings.HasPrefix(m.Destination, d+"/") }) {
			kept = append(kept, m)
		}
	}
	b.Spec.Mounts = kept
}

// race runs try for as long as a race lasts, while two names of a directory are exchanged without a pause, as a
// neighbour does who shares that volume. Each try may find either.
func (b *bundle) race(a, z string, try func()) {
	b.t.Helper()
	stop, done := make(chan struct{}), make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		for {
			select {
			case <-stop:
				done <- nil
				return
			default:
			}
			if err := unix.Renameat2(unix.AT_FDCWD, a, unix.AT_FDCWD, z, unix.RENAME_EXCHANGE); err != nil {
				done <- err
				return
			}
		}
	}()
	n := 0
	for end := time.Now().Add(raceTime(b.t)); time.Now().Before(end) && !b.t.Failed(); n++ {
		try()
	}
	close(stop)
	if err := <-done; err != nil {
		b.t.Errorf("exchange %s and %s: %v", a, z, err)
	}
	b.t.Logf("%d tries", n)
}

// raceTime is how long each race is run: as $RUNG_RACE_TIME says, "1m" say, or a second and a half.
func raceTime(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv("RUNG_RACE_TIME")
	if text == "" {
		return 1500 * time.Millisecond
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}
