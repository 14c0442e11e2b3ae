package criu

import (
	"bytes"
	"errors"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// decoded is a message as a list of "FIELD=VALUE", as protoc --decode_raw would show it.
func decoded(t *testing.T, b []byte) (list []string) {
	t.Helper()
	err := fields(b, func(field int, v uint64, data []byte) error {
		text := strconv.FormatUint(v, 10)
		if data != nil {
			text = string(data)
		}
		list = append(list, strconv.Itoa(field)+"="+text)
		return nil
	})
	if err != nil {
		t.Fatalf("% x: %v", b, err)
	}
	return list
}

func TestOptions(t *testing.T) {
	o := Options{
		ImagesDir: 7, WorkDir: 8, LogFile: "dump.log", LogLevel: 4, Pid: 42, Root: "/r", CgroupMode: CgroupSoft, StatusFD: -1,
		External: []string{"a", "b"}, TrackMem: true, EmptyNS: 0, PageServer: &PageServer{"h", 9},
		Inherit: []Inherit{{"k", 5}}, CgroupRoots: []CgroupRoot{{"", "/x"}},
	}
	want := []string{
		"1=7", "17=8", "10=dump.log", "9=4", "2=42", "15=1", "13=/r", "24=1", "34=3", "25=\x12\x02/x", "37=a", "37=b", "27=\x0a\x01k\x10\x05", "11=\x0a\x01h\x10\x09",
	}
	if got := decoded(t, o.append()); !reflect.DeepEqual(got, want) {
		t.Errorf("%q\nwant %q", got, want)
	}
}

func TestRequest(t *testing.T) {
	for _, c := range []struct {
		name string
		msg  []byte
		want []string
	}{
		{"version", request(version, nil), []string{"1=10", "4=1"}},
		{"features", request(feature, nil), []string{"1=9", "4=1", "5=\x08\x01\x10\x01"}},
		{"notified", notified(true), []string{"1=6", "3=1"}},
		{"refused", notified(false), []string{"1=6", "3=0"}},
	} {
		if got := decoded(t, c.msg); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func build(f func(m *message)) []byte {
	var m message
	f(&m)
	return m
}

func TestParseResponse(t *testing.T) {
	for _, c := range []struct {
		name string
		msg  []byte
		want response
	}{
		{"version 3.17.1", build(func(m *message) {
			m.number(1, 10)
			m.number(2, 1)
			m.bytes(10, build(func(m *message) { m.number(1, 3); m.number(2, 17); m.text(3, "git"); m.number(4, 1) }))
		}), response{kind: version, success: true, version: 31701}},
		{"restored", build(func(m *message) {
			m.number(1, 2)
			m.number(2, 1)
			m.bytes(4, build(func(m *message) { m.number(1, 4711) }))
		}), response{kind: Restore, success: true, pid: 4711}},
		{"a notification", build(func(m *message) {
			m.number(1, 6)
			m.number(2, 1)
			m.bytes(5, build(func(m *message) { m.text(1, "post-restore"); m.number(2, 12) }))
		}), response{kind: notify, success: true, script: "post-restore", pid: 12}},
		{"a failure", build(func(m *message) { m.number(1, 1); m.number(2, 0); m.number(7, 3); m.text(9, "no") }), response{kind: Dump, errno: 3, text: "no"}},
		{"features", build(func(m *message) {
			m.number(1, 9)
			m.number(2, 1)
			m.bytes(8, build(func(m *message) { m.number(1, 1); m.number(2, 0) }))
		}), response{kind: feature, success: true, features: Features{MemTrack: true}}},
		{"an unknown field", build(func(m *message) { m.number(1, 1); m.number(2, 1); m.text(99, "new") }), response{kind: Dump, success: true}},
	} {
		if got, err := parseResponse(c.msg); err != nil || got != c.want {
			t.Errorf("%s: %+v, %v, want %+v", c.name, got, err, c.want)
		}
	}
	for _, bad := range []string{"\x08", "\x0a\x05ab", "\x0d\x00\x00\x00\x00", "\x00\x00", "\x22\x01\x08"} {
		if r, err := parseResponse([]byte(bad)); !errors.Is(err, errMessage) {
			t.Errorf("% x: %+v, %v", bad, r, err)
		}
	}
}

// What criu sends is read to its end or refused, and never runs away.
func FuzzParseResponse(f *testing.F) {
	f.Add(build(func(m *message) {
		m.number(1, 6)
		m.number(2, 1)
		m.bytes(5, build(func(m *message) { m.text(1, "x") }))
	}))
	f.Add([]byte("\x22\x80"))
	f.Fuzz(func(t *testing.T, b []byte) {
		before := bytes.Clone(b)
		r, err := parseResponse(b)
		if err != nil && !errors.Is(err, errMessage) {
			t.Error(err)
		}
		if len(r.script)+len(r.text) > len(b) {
			t.Errorf("%d bytes of text out of %d", len(r.script)+len(r.text), len(b))
		}
		if !bytes.Equal(before, b) {
			t.Error("the message was changed")
		}
	})
}

func TestParseMounts(t *testing.T) {
	text := "22 1 0:20 / / rw,relatime shared:1 - ext4 /dev/vda rw\n" +
		"30 22 0:30 /x /a\\040b\\134 rw master:2 - tmpfs tmpfs rw\n" +
		"damaged\n"
	want := []Mount{{22, 1, "/", "ext4"}, {30, 22, `/a b\`, "tmpfs"}}
	if got := parseMounts(text); !reflect.DeepEqual(got, want) {
		t.Errorf("%v", got)
	}
}

func TestMounts_ofThisProcess(t *testing.T) {
	list, err := Mounts(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range list {
		if m.Point == "/proc" && m.FSType == "proc" {
			return
		}
	}
	t.Errorf("no /proc among %v", list)
}

func TestKey(t *testing.T) {
	a, b := Key("/data"), Key("/data]:/etc")
	if a == b || len(a) != len("rung-")+24 || len(b) != len(a) {
		t.Errorf("%s, %s", a, b)
	}
	for _, k := range []string{a, b} {
		for _, c := range strings.TrimPrefix(k, "rung-") {
			if !strings.ContainsRune("0123456789abcdef", c) {
				t.Errorf("%s is not opaque", k)
			}
		}
	}
}

func TestExternalMount(t *testing.T) {
	if s, err := ExternalMount("/a b/ü", "key"); err != nil || s != "mnt[/a b/ü]:key" {
		t.Errorf("%q, %v", s, err)
	}
	for _, point := range []string{"/a]:/etc", "/a[", "/a:b", "/a,b", "/a\nb", "/a\x7f"} {
		if s, err := ExternalMount(point, "key"); !errors.Is(err, errMountPoint) {
			t.Errorf("%q: %q, %v", point, s, err)
		}
	}
}

func TestFirstError(t *testing.T) {
	log := "(00.1) fine\n(00.2) Error (criu/mount.c:1): mnt: no: such mount\n(00.3) Error (criu/x.c:2): later\n"
	if got := FirstError(log); got != "mnt: no: such mount" {
		t.Errorf("%q", got)
	}
	if got := FirstError("Warn (x): y\n"); got != "" {
		t.Errorf("%q", got)
	}
}

func TestError(t *testing.T) {
	err := error(&Error{Request: Dump, Errno: unix.ENOSPC, Text: "Error (criu/image.c:1): full"})
	if !errors.Is(err, unix.ENOSPC) || err.Error() != "criu could not carry out the dump: full: no space left on device" {
		t.Error(err)
	}
	if err := error(&Error{Request: Restore}); errors.Is(err, unix.Errno(0)) || err.Error() != "criu could not carry out the restore" {
		t.Error(err)
	}
}

func TestFormatVersion(t *testing.T) {
	for v, text := range map[int]string{31701: "3.17.1", 31500: "3.15", 40100: "4.1"} {
		if got := FormatVersion(v); got != text {
			t.Errorf("%d: %s", v, got)
		}
	}
}

func TestStart_missing(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if p, err := Start(Spawn{CgroupFD: -1}); !errors.Is(err, ErrMissing) {
		t.Errorf("%v, %v", p, err)
	}
}

// A program that is no criu answers nothing.
func TestStart_noCriu(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/criu", []byte("#!/bin/sh\nexit 0\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	p, err := Start(Spawn{CgroupFD: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if v, err := p.Version(); err == nil {
		t.Errorf("version %d", v)
	}
}
