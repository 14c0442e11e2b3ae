package criu

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/checkpoint-restore/go-criu/v8/rpc"
	"golang.org/x/sys/unix"
)

// fields calls f for each field of a message, with its number, its bytes or its value.
func fields(t *testing.T, b []byte, f func(field int, text string)) {
	t.Helper()
	whole := b
	uvarint := func() uint64 {
		v, n := binary.Uvarint(b)
		if n <= 0 {
			t.Fatalf("% x is no message", whole)
		}
		b = b[n:]
		return v
	}
	for len(b) > 0 {
		key, v := uvarint(), uvarint()
		text := strconv.FormatUint(v, 10)
		if key&7 == 2 {
			text, b = string(b[:v]), b[v:]
		}
		f(int(key>>3), text)
	}
}

// decoded is a message as a list of "FIELD=VALUE", as protoc --decode_raw would show it.
func decoded(t *testing.T, m interface{ MarshalVT() ([]byte, error) }) (list []string) {
	t.Helper()
	b, err := m.MarshalVT()
	if err != nil {
		t.Fatal(err)
	}
	fields(t, b, func(field int, text string) { list = append(list, strconv.Itoa(field)+"="+text) })
	return list
}

func TestOptions(t *testing.T) {
	o := rpc.CriuOpts{
		ImagesDirFd: new(int32(7)), WorkDirFd: new(int32(8)), LogFile: new("dump.log"), LogLevel: new(int32(4)), Pid: new(int32(42)), Root: new("/r"),
		ManageCgroups: new(true), ManageCgroupsMode: new(rpc.CriuCgMode_SOFT), External: []string{"a", "b"}, TrackMem: Given(true), ShellJob: Given(false),
		LsmProfile: Given(""), Ps: &rpc.CriuPageServerInfo{Address: new("h"), Port: new(int32(9))},
		InheritFd: []*rpc.InheritFd{{Key: new("k"), Fd: new(int32(5))}}, CgRoot: []*rpc.CgroupRoot{{Ctrl: Given(""), Path: new("/x")}},
	}
	want := []string{
		"1=7", "2=42", "9=4", "10=dump.log", "11=\x0a\x01h\x10\x09", "13=/r", "15=1", "17=8", "24=1", "25=\x12\x02/x", "27=\x0a\x01k\x10\x05", "34=3", "37=a", "37=b",
	}
	if got := decoded(t, &o); !reflect.DeepEqual(got, want) {
		t.Errorf("%q\nwant %q", got, want)
	}
}

func TestRequest(t *testing.T) {
	for _, c := range []struct {
		name string
		msg  *rpc.CriuReq
		want []string
	}{
		{"version", question(version), []string{"1=10", "4=1"}},
		{"features", question(feature), []string{"1=9", "4=1", "5=\x08\x01\x10\x01"}},
		{"notified", notified(true), []string{"1=6", "3=1"}},
		{"refused", notified(false), []string{"1=6", "3=0"}},
	} {
		if got := decoded(t, c.msg); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// message is a protocol buffer that is being written, by hand: not by what reads it in the tests below.
type message []byte

func (m *message) number(field int, v int64) {
	*m = binary.AppendUvarint(binary.AppendUvarint(*m, uint64(field)<<3), uint64(v))
}

func (m *message) text(field int, v string) {
	*m = append(binary.AppendUvarint(binary.AppendUvarint(*m, uint64(field)<<3|2), uint64(len(v))), v...)
}

func build(f func(m *message)) string {
	var m message
	f(&m)
	return string(m)
}

// response is the part of an answer that rung reads.
type response struct {
	kind     rpc.CriuReqType
	success  bool
	pid      int
	script   string
	errno    int
	text     string
	features [2]bool // memory tracking, lazy pages
	version  int
}

func parsed(b string) (response, error) {
	r, err := parseResponse([]byte(b))
	return response{
		r.GetType(), r.GetSuccess(), int(max(r.GetRestore().GetPid(), r.GetNotify().GetPid())), r.GetNotify().GetScript(), int(r.GetCrErrno()), r.GetCrErrmsg(),
		[2]bool{r.GetFeatures().GetMemTrack(), r.GetFeatures().GetLazyPages()}, versionOf(r),
	}, err
}

func TestParseResponse(t *testing.T) {
	for _, c := range []struct {
		name string
		msg  string
		want response
	}{
		{"version 3.17.1", build(func(m *message) {
			m.number(1, 10)
			m.number(2, 1)
			m.text(10, build(func(m *message) { m.number(1, 3); m.number(2, 17); m.text(3, "git"); m.number(4, 1) }))
		}), response{kind: rpc.CriuReqType_VERSION, success: true, version: 31701}},
		{"restored", build(func(m *message) {
			m.number(1, 2)
			m.number(2, 1)
			m.text(4, build(func(m *message) { m.number(1, 4711) }))
		}), response{kind: rpc.CriuReqType_RESTORE, success: true, pid: 4711}},
		{"a notification", build(func(m *message) {
			m.number(1, 6)
			m.number(2, 1)
			m.text(5, build(func(m *message) { m.text(1, "post-restore"); m.number(2, 12) }))
		}), response{kind: rpc.CriuReqType_NOTIFY, success: true, script: "post-restore", pid: 12}},
		{"a failure", build(func(m *message) { m.number(1, 1); m.number(2, 0); m.number(7, 3); m.text(9, "no") }), response{kind: rpc.CriuReqType_DUMP, errno: 3, text: "no"}},
		{"features", build(func(m *message) {
			m.number(1, 9)
			m.number(2, 1)
			m.text(8, build(func(m *message) { m.number(1, 1); m.number(2, 0) }))
		}), response{kind: rpc.CriuReqType_FEATURE_CHECK, success: true, features: [2]bool{true, false}}},
		{"an unknown field", build(func(m *message) { m.number(1, 1); m.number(2, 1); m.text(99, "new") }), response{kind: rpc.CriuReqType_DUMP, success: true}},
	} {
		if got, err := parsed(c.msg); err != nil || got != c.want {
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
	f.Add([]byte(build(func(m *message) {
		m.number(1, 6)
		m.number(2, 1)
		m.text(5, build(func(m *message) { m.text(1, "x") }))
	})))
	f.Add([]byte("\x22\x80"))
	f.Fuzz(func(t *testing.T, b []byte) {
		before := bytes.Clone(b)
		r, err := parsed(string(b))
		if err != nil && !errors.Is(err, errMessage) {
			t.Error(err)
		}
		if len(r.script)+len(r.text) > len(b) {
			t.Errorf("%d bytes of text out of %d", len(r.script)+len(r.text), len(b))
		}
		if _, _ = parseResponse(b); !bytes.Equal(before, b) {
			t.Error("the message was changed")
		}
	})
}

func TestMounts_ofThisProcess(t *testing.T) {
	list, err := Mounts(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range list {
		if m.Point == "/proc" && m.Type == "proc" {
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

// The logs are of criu 4.2.1 and 3.17, cut.
func TestReason(t *testing.T) {
	const probing = "(00.08) Error (criu/tun.c:85): tun: Unable to create tun: Operation not permitted\n" +
		"(00.17) Error (criu/kerndat.c:1): kerndat: some other thing that this kernel has not\n"
	const limit = "(00.22) Error (criu/util.c:1534): rlimit: Can't setup RLIMIT_NOFILE for self: Operation not permitted\n"
	for _, c := range []struct{ name, log, want string }{
		{"nothing", "Warn (x): y\n", ""},
		{"one line", "(00.1) Error (criu/mount.c:1): mnt: no: such mount\n", "mnt: no: such mount"},
		{"what follows", "1: Error (a): mnt: Can't mount\n Error (b): 12 exited, status=1\n Error (c): Restoring FAILED.\n", "mnt: Can't mount"},
		{"only what follows", "Error (b): 12 exited, status=1\n", "12 exited, status=1"},
		{"restore", probing + limit + "(00.22) Reading image tree\n(00.64)      1: Error (criu/mount.c:2955): mnt: Can't create a temporary directory: Read-only file system\n" +
			"(00.66) Error (criu/cr-restore.c:2331): Restoring FAILED.\n(00.66) Error (criu/cgroup.c:2055): cg: cgroupd: recv req error: No such file or directory\n",
			"mnt: Can't create a temporary directory: Read-only file system"},
		{"dump", probing + "(00.02) Dumping processes (pid: 7 comm: sh)\n" + limit + "(00.03) Error (criu/sk-inet.c:191): inet: Connected TCP socket, consider using --tcp-established option.\n" +
			"(00.04) Error (criu/cr-dump.c:1669): Dump files (pid: 7) failed with -1\n(00.05) Error (criu/cr-dump.c:2053): Dumping FAILED.\n",
			"inet: Connected TCP socket, consider using --tcp-established option."},
		{"before the work", limit + "Error (criu/cr-service.c:1): Can't open images\n", "Can't open images"},
	} {
		if got := Reason(c.log); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
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
