package integration

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// wantInside wants a container that started to have these mount points, where its config has them; if not in sight,
// they were mounted on the host's files.
func wantInside(t *testing.T, res Result, targets ...string) {
	t.Helper()
	if res.Exit != 0 {
		return // refused
	}
	r := parseProbe(t, res.Stdout)
	for _, target := range targets {
		if !slices.ContainsFunc(r.Mounts, func(m mountInfo) bool { return strings.HasSuffix(m.Target, target) }) {
			t.Errorf("nothing is mounted on %s in the container: it went elsewhere\n%s", target, r.mountTable())
		}
	}
}

// CVE-2019-18837: the target of a mount is a link out of the root.
func TestCVE_mount_targets_stay_inside(t *testing.T) {
	t.Parallel()
	cve(t, "CVE-2019-18837")
	b := newBundle(t)
	p := b.prey()
	volume := b.volume("volume")
	mounts := b.Spec.Mounts
	b.Spec.Process.Args = []string{"/probe", "--report"}
	try := func(destination, inside, source string) {
		t.Helper()
		b.Spec.Mounts = append(slices.Clone(mounts), bind(source, destination, "bind", "rw"))
		res := b.run()
		p.wantUntouched()
		wantInside(t, res, inside)
	}
	for _, out := range waysOut(p.Dir) {
		b.bait("/way", out)
		for _, end := range []string{"/dir", "/new", "/new/deep"} {
			try("/way"+end, p.Dir+end, volume)
		}
		try("/way/../way/dir", "/dir", volume)
		try("/way/made", p.Dir+"/made", volume+"/file")
		b.bait("/last", out+"/dir")
		try("/last", p.Dir+"/dir", volume)
		b.bait("/file", out+"/file")
		try("/file", p.Dir+"/file", volume+"/file")
		b.bait("/last", out+"/missing")
		try("/last", p.Dir+"/missing", volume)
		b.bait("/chain", "/way/dir")
		try("/chain", p.Dir+"/dir", volume)
	}
	try("/../../../../../../../../.."+p.Dir+"/up", p.Dir+"/up", volume)

	// What hides a path, or makes it read-only, does so inside as well.
	b.Spec.Mounts = mounts
	b.Spec.Linux.MaskedPaths = []string{"/way/file", "/way/dir"}
	b.Spec.Linux.ReadonlyPaths = []string{"/way"}
	mkdir(t, b.Rootfs+p.Dir+"/dir/full", 0o755)
	writeFile(t, b.Rootfs+p.Dir+"/file", "to be hidden")
	b.Spec.Process.Args = []string{"/probe", "--read", p.Dir + "/file", "--stat", p.Dir + "/dir/full", "--create", p.Dir + "/new-file", "", "--report"}
	r := parseProbe(t, b.run().Stdout)
	want(t, "the masked file", r.action(t, 0).Data, "")
	wantErrno(t, r.action(t, 1), unix.ENOENT)
	wantErrno(t, r.action(t, 2), unix.EROFS)
}

// CVE-2021-30465: two containers share a volume; while one is started, with a mount on a directory of the volume, the
// other puts a link in that directory's place.
func TestCVE_mount_target_exchanged(t *testing.T) {
	cve(t, "CVE-2021-30465")
	b := newBundle(t)
	p := b.prey()
	volume := b.volume("volume")
	mkdir(t, volume+"/target", 0o755)
	if err := os.Symlink("../../../../../../../../../.."+p.Dir+"/dir", volume+"/link"); err != nil {
		t.Fatal(err)
	}
	withMount(
		bind(volume, "/volume", "bind", "rw"),
		specs.Mount{Destination: "/volume/target", Type: "tmpfs", Source: "tmpfs"},
		bind(b.volume("other"), "/volume/target/other", "bind", "rw"),
		specs.Mount{Destination: "/volume/target", Type: "tmpfs", Source: "tmpfs"},
	)(b.Spec)
	b.Spec.Process.Args = []string{"/probe", "--report"}
	started := 0
	b.race(volume+"/target", volume+"/link", func() {
		res := b.run()
		p.wantUntouched()
		if res.Exit != 0 {
			return
		}
		started++
		n := 0
		for _, m := range parseProbe(t, res.Stdout).Mounts {
			if m.Target == "/volume/target" || strings.HasPrefix(m.Target, "/volume/link") || strings.HasPrefix(m.Target, p.Dir+"/dir") || strings.HasSuffix(m.Target, "//deleted") {
				n++
			}
		}
		if n < 2 {
			t.Errorf("a mount is not in the container: it went elsewhere\n%s", parseProbe(t, res.Stdout).mountTable())
		}
	})
	t.Logf("%d started", started)
}

// CVE-2024-45310: the same race, with a target that is to be made: directories and files are made on the host.
func TestCVE_nothing_is_made_on_the_host(t *testing.T) {
	cve(t, "CVE-2024-45310")
	for _, up := range []string{"", "../../../../../../../../../.."} {
		b := newBundle(t)
		p := b.prey()
		volume := b.volume("volume")
		mkdir(t, volume+"/way", 0o755)
		if err := os.Symlink(up+p.Dir+"/dir", volume+"/link"); err != nil {
			t.Fatal(err)
		}
		withMount(
			bind(volume, "/volume", "bind", "rw"),
			specs.Mount{Destination: "/volume/way/a/b/c/d", Type: "tmpfs", Source: "tmpfs"},
			bind(volume+"/file", "/volume/way/e/f/file", "bind"),
		)(b.Spec)
		b.Spec.Linux.Devices = []specs.LinuxDevice{{Path: "/volume/way/null", Type: "c", Major: 1, Minor: 3}, {Path: "/volume/way/g/fifo", Type: "p", FileMode: ptr(os.FileMode(0o4777))}}
		b.Spec.Process.Cwd = "/volume/way/h/cwd"
		b.Spec.Process.Args = []string{"/probe", "--exit", "0"}
		b.race(volume+"/way", volume+"/link", func() {
			b.run()
			p.wantUntouched()
			for _, dir := range []string{"way", "link"} { // what was made in the right place, out of the way of the next try
				for _, made := range []string{"a", "e", "g", "h", "null"} {
					if st, err := os.Lstat(filepath.Join(volume, dir)); err == nil && st.IsDir() {
						_ = os.RemoveAll(filepath.Join(volume, dir, made))
					}
				}
			}
		})
	}
}

// Found in rung itself: a node is there already, in a directory that a neighbour shares, who puts a link in its place
// between the look at it and the change of its mode. The host's file got that mode.
func TestCVE_node_exchanged(t *testing.T) {
	b := newBundle(t)
	p := b.prey()
	dev := b.volume("dev")
	if err := unix.Mknod(dev+"/null", unix.S_IFCHR|0o600, int(unix.Mkdev(1, 3))); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(p.Dir+"/file", dev+"/link"); err != nil {
		t.Fatal(err)
	}
	b.withoutMounts("/dev")
	withMount(bind(dev, "/d", "bind", "rw"))(b.Spec)
	b.Spec.Linux.Devices = []specs.LinuxDevice{{Path: "/d/null", Type: "c", Major: 1, Minor: 3, FileMode: ptr(os.FileMode(0o4666)), UID: ptr[uint32](1000), GID: ptr[uint32](1000)}}
	b.Spec.Process.Args = []string{"/probe", "--exit", "0"}
	b.race(dev+"/null", dev+"/link", func() {
		b.run()
		p.wantUntouched()
	})
}
