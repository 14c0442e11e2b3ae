package packaging

import (
	"bytes"
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// What distributions export for every Go program that they build.
const (
	arch   = "GOFLAGS=-buildmode=pie -trimpath -ldflags=-linkmode=external -mod=readonly -modcacherw"
	alpine = "GOFLAGS=-buildmode=pie -modcacherw -trimpath -buildvcs=false"
	nix    = "GOFLAGS=-mod=vendor -trimpath"
)

// copyTree copies the sources to a directory: what is tracked, and what is not yet, as far as nothing says that it is
// built. The copy has no .git.
func copyTree(t *testing.T, at string) {
	t.Helper()
	if err := os.MkdirAll(at, 0o755); err != nil {
		t.Fatal(err)
	}
	list := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate")
	list.Dir = top
	names, err := list.Output()
	if err != nil {
		t.Skip("not a checkout: ", err)
	}
	tar := exec.Command("sh", "-c", `tar --null --files-from=- -cf - | tar -xf - -C "$1"`, "sh", at)
	tar.Dir, tar.Stdin = top, bytes.NewReader(names)
	if out, err := tar.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// leaveForeignInit leaves the init program of another architecture where a build for it would.
func leaveForeignInit(t *testing.T, tree string) {
	t.Helper()
	for _, name := range [...]string{"init-arm64", "init-amd64", "init-riscv64", "init-amd64.new"} {
		if name == "init-"+goEnv(t, "GOARCH") {
			continue
		}
		if err := os.WriteFile(filepath.Join(tree, "nsenter/elf/programs", name), []byte("left over"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

func goEnv(t *testing.T, name string) string {
	t.Helper()
	return strings.TrimSpace(run(t, ".", "go", "env", name))
}

func sum(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

// needMountNamespace is for what runs below unshare --mount.
func needMountNamespace(t *testing.T) {
	t.Helper()
	needCommand(t, "unshare")
	if os.Geteuid() != 0 {
		t.Skip("not root")
	}
}

// TestBuild builds in one copy of the tree as others do. The network is not there: what Go needs is in its module cache
// since this test was built. The program has to be the same, byte by byte, as the one of the plain `make build`.
func TestBuild(t *testing.T) {
	dir := t.TempDir()
	tree := filepath.Join(dir, "a tree")
	copyTree(t, tree)
	t.Setenv("GOPROXY", "off")
	makeIn := func(t *testing.T, env string, args ...string) string {
		t.Helper()
		return run(t, tree, append([]string{"env", env, "make", "-s"}, args...)...)
	}
	makeIn(t, "GOFLAGS=", "build")
	want := sum(t, filepath.Join(tree, "rung"))
	same := func(t *testing.T, binary string) {
		t.Helper()
		if got := sum(t, binary); got != want {
			t.Errorf("%s is %s, and what make build gives %s", binary, got, want)
		}
	}

	for _, d := range [...]struct{ name, goflags string }{{"arch", arch}, {"alpine", alpine}} {
		t.Run(d.name, func(t *testing.T) {
			makeIn(t, "GOFLAGS=", "clean")
			makeIn(t, d.goflags, "build")
			same(t, filepath.Join(tree, "rung"))
		})
	}
	t.Run("vendor", func(t *testing.T) {
		makeIn(t, "GOFLAGS=", "clean")
		run(t, tree, "go", "mod", "vendor")
		defer os.RemoveAll(filepath.Join(tree, "vendor"))
		// without a module cache: an empty one cannot be filled
		t.Setenv("GOMODCACHE", filepath.Join(dir, "no modules"))
		makeIn(t, nix, "build")
		// Go writes the checksums of modules into the file, but not of what is vendored
		run(t, tree, "./rung", "--version")
	})
	t.Run("init of another architecture left over", func(t *testing.T) {
		leaveForeignInit(t, tree)
		makeIn(t, "GOFLAGS=", "build")
		same(t, filepath.Join(tree, "rung"))
	})
	t.Run("read-only", func(t *testing.T) {
		needMountNamespace(t)
		out := filepath.Join(dir, "out elsewhere")
		makeIn(t, "GOFLAGS=", "clean", "build")
		run(t, dir, "unshare", "--mount", "sh", "-ec", `
mount --bind "$1" "$1"
mount -o remount,bind,ro "$1"
cd "$1"
! touch here 2>/dev/null
CGO_ENABLED=0 go build -trimpath -tags "netgo osusergo urfave_cli_no_docs" -o ../plain .
make -s build OUT="$2"
make -s install-files OUT="$2" DESTDIR="$2/root"`, "sh", tree, out)
		run(t, dir, "./plain", "--version")
		same(t, filepath.Join(out, "rung"))
		same(t, filepath.Join(out, "root/usr/local/sbin/rung"))
	})
	t.Run("below the repository of a packager", func(t *testing.T) {
		run(t, dir, "sh", "-ec", `git init -q . && git -c user.name=a -c user.email=a@b commit -q --allow-empty -m theirs`)
		out := run(t, tree, "env", "-u", "COMMIT", "make", "-s", "build")
		if out := run(t, tree, "./rung", "--version"); !strings.Contains(out, "\ncommit: unknown\n") {
			t.Errorf("--version: %s", out)
		}
		if out != "" {
			t.Errorf("make build says %q", out)
		}
	})
}

// TestBuild_modes: what is installed can be read by everybody, however cautious the one is who builds and installs it.
// That a package is the same under a umask of 077 is TestRelease's.
func TestBuild_modes(t *testing.T) {
	root := filepath.Join(t.TempDir(), "a b")
	run(t, top, "sh", "-c", `umask 077; make -s install-files PREFIX=/usr DESTDIR="$1"`, "sh", root)
	err := filepath.WalkDir(filepath.Join(root, "usr"), func(path string, e os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		fi, err := e.Info()
		if err != nil {
			return err
		}
		want := os.FileMode(0o644)
		if e.IsDir() || strings.HasSuffix(path, "/sbin/rung") {
			want = 0o755
		}
		if fi.Mode().Perm() != want {
			t.Errorf("%s is %v, not %v", path, fi.Mode().Perm(), want)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestBuild_cross builds for another architecture: rung and its init are for that, and what make runs meanwhile for this.
func TestBuild_cross(t *testing.T) {
	const cc = "aarch64-linux-gnu-gcc"
	needCommand(t, cc)
	out := t.TempDir()
	run(t, top, "env", "GOARCH=arm64", "CC="+cc, "make", "-s", "build", "OUT="+out)
	for _, name := range [...]string{"rung", "init-arm64"} {
		f, err := elf.Open(filepath.Join(out, name))
		if err != nil {
			t.Fatal(err)
		}
		if f.Machine != elf.EM_AARCH64 {
			t.Errorf("%s is for %v", name, f.Machine)
		}
		f.Close()
	}
	binary, err := os.ReadFile(filepath.Join(out, "rung"))
	if err != nil {
		t.Fatal(err)
	}
	init, err := os.ReadFile(filepath.Join(out, "init-arm64"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(binary, init) {
		t.Error("rung does not carry its init")
	}
	own, err := os.ReadFile(filepath.Join(top, "nsenter/elf/programs/init-"+goEnv(t, "GOHOSTARCH")))
	if err != nil {
		t.Fatal(err)
	}
	if goEnv(t, "GOHOSTARCH") != "arm64" && bytes.Contains(binary, own) {
		t.Error("rung carries the init of this machine")
	}
	t.Run("without CC", func(t *testing.T) {
		if goEnv(t, "GOHOSTARCH") == "arm64" {
			t.Skip("arm64 is this machine")
		}
		cmd := exec.Command("make", "-s", "init", "OUT="+out)
		cmd.Dir = top
		cmd.Env = append(os.Environ(), "GOARCH=arm64", "CC=", "MAKEFLAGS=")
		said, err := cmd.CombinedOutput()
		if err == nil || !strings.Contains(string(said), "CC has to name a compiler for that") {
			t.Errorf("%v: %s", err, said)
		}
	})
}

// TestBuild_ordinary_user builds and runs the unit tests without root. The build cache is root's, seen through an overlay
// in which the user can write: the build is as quick as a second one, and nothing of it stays.
func TestBuild_ordinary_user(t *testing.T) {
	needMountNamespace(t)
	needCommand(t, "setpriv")
	dir := t.TempDir()
	tree := filepath.Join(dir, "tree")
	copyTree(t, tree)
	run(t, dir, "unshare", "--mount", "bash", "-ec", `
cache=$(go env GOCACHE) modules=$(go env GOMODCACHE)
mount -t tmpfs -o mode=755 none /mnt
cd /mnt
mkdir upper work cache modules home tmp
(cd "$cache" && find . -maxdepth 1 -type d -name '??' -print0) | (cd upper && xargs -0r mkdir)
chown -R 4242:4242 upper home tmp
mount -t overlay -o "lowerdir=$cache,upperdir=upper,workdir=work" none cache
mount --bind "$modules" modules
mkdir tree
mount --bind "$1" tree
chown -R 4242:4242 tree
cd tree
exec setpriv --reuid 4242 --regid 4242 --clear-groups --inh-caps=-all env HOME=/mnt/home TMPDIR=/mnt/tmp \
	GOCACHE=/mnt/cache GOMODCACHE=/mnt/modules GOPROXY=off GOFLAGS='-trimpath -count=1' make build test-unit`, "sh", tree)
}
