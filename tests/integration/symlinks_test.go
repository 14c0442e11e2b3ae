package integration

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// link makes a symlink in the bundle and gives its path.
func (b *bundle) link(name, to string) string {
	b.t.Helper()
	path := filepath.Join(b.Dir, name)
	if err := os.Symlink(to, path); err != nil {
		b.t.Fatal(err)
	}
	return path
}

// rootLink makes a symlink in the root file system.
func (b *bundle) rootLink(name, to string) {
	b.t.Helper()
	b.link("rootfs/"+name, to)
}

func wantLink(t *testing.T, a action, to string) {
	t.Helper()
	wantErrno(t, a, 0)
	want(t, a.Path+": type", a.Type, "link")
	want(t, a.Path+": target", a.Target, to)
}

func TestSymlinks_src_nofollow_mounts_the_link_itself(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung")
	b := newBundle(t)
	b.volume("v")
	writeFile(t, b.Rootfs+"/v", "the container's")
	r := b.probe(withMount(bind(b.link("l", "../v"), "/mnt/l", "bind", "src-nofollow")), "--lstat", "/mnt/l", "--read", "/mnt/l")
	wantLink(t, r.action(t, 0), "../v")
	want(t, "where it leads", r.action(t, 1).Data, "the container's")
}

func TestSymlinks_src_nofollow_of_what_is_no_link_is_a_bind(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	r := b.probe(withMount(bind(b.volume("v"), "/mnt", "bind", "src-nofollow")), "--read", "/mnt/file")
	want(t, "file", r.action(t, 0).Data, "v")
}

func TestSymlinks_dest_nofollow_covers_the_link(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung")
	b := newBundle(t)
	b.rootLink("etc/hosts", "../etc/group")
	group := readFile(t, b.Rootfs+"/etc/group") + "\n"
	r := b.probe(withMount(bind(b.volume("v")+"/file", "/etc/hosts", "bind", "dest-nofollow")), "--lstat", "/etc/hosts", "--read", "/etc/hosts", "--read", "/etc/group")
	want(t, "type", r.action(t, 0).Type, "file")
	want(t, "the destination", r.action(t, 1).Data, "v")
	want(t, "what the link points to", r.action(t, 2).Data, group)
}

// Without the option the link is followed, and inside the root alone.
func TestSymlinks_dest_is_followed_inside_the_root(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	outside := b.volume("outside")
	b.rootLink("etc/hosts", outside+"/file")
	r := b.probe(withMount(bind(b.volume("v")+"/file", "/etc/hosts", "bind")), "--read", "/etc/hosts", "--lstat", "/etc/hosts")
	want(t, "the destination", r.action(t, 0).Data, "v")
	wantLink(t, r.action(t, 1), outside+"/file")
	want(t, "the host's file", readFile(t, outside+"/file"), "outside")
}

func TestSymlinks_dest_nofollow_that_is_missing_is_made(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	outside := b.volume("outside")
	b.rootLink("way", outside)
	r := b.probe(withMount(bind(b.volume("v")+"/file", "/way/new", "bind", "dest-nofollow")), "--read", "/way/new")
	want(t, "the destination", r.action(t, 0).Data, "v")
	if exists(outside + "/new") {
		t.Error("a mount point was made outside the root")
	}
}

func TestSymlinks_copy_symlink(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung")
	b := newBundle(t)
	outside := b.volume("outside")
	edit := withMount(
		bind(b.link("relative", "../usr/share/zone"), "/new/way/localtime", "bind", "copy-symlink"),
		bind(b.link("absolute", outside+"/file"), "/etc/out", "bind", "copy-symlink", "ro"),
		bind(outside+"/file", "/etc/file", "bind", "copy-symlink"),
	)
	r := b.probe(edit, "--lstat", "/new/way/localtime", "--lstat", "/etc/out", "--read", "/etc/out", "--lstat", "/etc/file", "--read", "/etc/file")
	wantLink(t, r.action(t, 0), "../usr/share/zone")
	wantLink(t, r.action(t, 1), outside+"/file")
	wantErrno(t, r.action(t, 2), unix.ENOENT) // it leads nowhere in the container
	want(t, "no link: type", r.action(t, 3).Type, "file")
	want(t, "no link: content", r.action(t, 4).Data, "outside")
	for _, m := range r.Mounts {
		if m.Target == "/etc/out" || m.Target == "/new/way/localtime" {
			t.Errorf("%s is mounted", m.Target)
		}
	}
	want(t, "once more, over the same link", b.run().Exit, 0)
}

func TestSymlinks_copy_symlink_does_not_replace(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung")
	for _, c := range []struct {
		name string
		make func(b *bundle)
	}{
		{"a file", func(b *bundle) { writeFile(b.t, b.Rootfs+"/etc/localtime", "x") }},
		{"a directory", func(b *bundle) { mkdir(b.t, b.Rootfs+"/etc/localtime", 0o755) }},
		{"another link", func(b *bundle) { b.rootLink("etc/localtime", "elsewhere") }},
		{"a longer link", func(b *bundle) { b.rootLink("etc/localtime", "zone/more") }},
		{"a shorter link", func(b *bundle) { b.rootLink("etc/localtime", "zon") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newBundle(t)
			c.make(b)
			withMount(bind(b.link("l", "zone"), "/etc/localtime", "bind", "copy-symlink"))(b.Spec)
			wantFailure(t, b.run(), "/etc/localtime", "file exists", "mounts[6]")
		})
	}
}

// The way to the link leads out of the root: by an absolute link, and by one that climbs.
func TestSymlinks_copy_symlink_stays_inside_the_root(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung")
	for _, c := range []struct{ name, up string }{{"absolute", ""}, {"climbing", "../../../../../../../../../.."}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newBundle(t)
			outside := b.volume("outside")
			b.rootLink("way", c.up+outside)
			r := b.probe(withMount(bind(b.link("l", "x"), "/way/l", "bind", "copy-symlink")), "--lstat", "/way/l")
			wantLink(t, r.action(t, 0), "x")
			if exists(outside + "/l") {
				t.Error("the link was made outside the root")
			}
			if !exists(b.Rootfs + outside + "/l") {
				t.Error("the link is not below the root")
			}
		})
	}
}

// A link that has a destination's name already is not followed to make another where it points.
func TestSymlinks_copy_symlink_over_a_dangling_link(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung")
	b := newBundle(t)
	b.rootLink("etc/localtime", "/etc/made-by-mistake")
	withMount(bind(b.link("l", "zone"), "/etc/localtime", "bind", "copy-symlink"))(b.Spec)
	wantFailure(t, b.run(), "file exists")
	if exists(b.Rootfs + "/etc/made-by-mistake") {
		t.Error("the dangling link was followed")
	}
}

// The runtime reads a link that the container's root may not walk to.
func TestSymlinks_copy_symlink_in_a_user_namespace(t *testing.T) {
	t.Parallel()
	requires(t, "rt:rung")
	b := userBundle(t)
	mkdir(t, b.Dir+"/private", 0o700)
	r := b.probe(withMount(bind(b.link("private/l", "zone"), "/etc/localtime", "bind", "copy-symlink")), "--lstat", "/etc/localtime")
	wantLink(t, r.action(t, 0), "zone")
}
