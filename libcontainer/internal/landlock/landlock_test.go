package landlock

import (
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// The bits are the kernel's.
func TestRights_areTheKernels(t *testing.T) {
	kernel := map[string]uint64{
		"execute": unix.LANDLOCK_ACCESS_FS_EXECUTE, "write_file": unix.LANDLOCK_ACCESS_FS_WRITE_FILE, "read_file": unix.LANDLOCK_ACCESS_FS_READ_FILE,
		"read_dir": unix.LANDLOCK_ACCESS_FS_READ_DIR, "remove_dir": unix.LANDLOCK_ACCESS_FS_REMOVE_DIR, "remove_file": unix.LANDLOCK_ACCESS_FS_REMOVE_FILE,
		"make_char": unix.LANDLOCK_ACCESS_FS_MAKE_CHAR, "make_dir": unix.LANDLOCK_ACCESS_FS_MAKE_DIR, "make_reg": unix.LANDLOCK_ACCESS_FS_MAKE_REG,
		"make_sock": unix.LANDLOCK_ACCESS_FS_MAKE_SOCK, "make_fifo": unix.LANDLOCK_ACCESS_FS_MAKE_FIFO, "make_block": unix.LANDLOCK_ACCESS_FS_MAKE_BLOCK,
		"make_sym": unix.LANDLOCK_ACCESS_FS_MAKE_SYM, "refer": unix.LANDLOCK_ACCESS_FS_REFER, "truncate": unix.LANDLOCK_ACCESS_FS_TRUNCATE,
		"ioctl_dev": unix.LANDLOCK_ACCESS_FS_IOCTL_DEV,
		"bind":      unix.LANDLOCK_ACCESS_NET_BIND_TCP, "connect": unix.LANDLOCK_ACCESS_NET_CONNECT_TCP,
		"abstract-unix-socket": unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET, "signal": unix.LANDLOCK_SCOPE_SIGNAL,
	}
	n := 0
	for _, list := range [][]Right{FS[:], Net[:], Scope[:]} {
		for _, r := range list {
			n++
			if r.Bit != kernel[r.Name] {
				t.Errorf("%s is %#x, the kernel's is %#x", r.Name, r.Bit, kernel[r.Name])
			}
			if r.ABI < 1 || r.ABI > Newest {
				t.Errorf("%s is of ABI %d", r.Name, r.ABI)
			}
		}
	}
	if n != len(kernel) {
		t.Errorf("%d rights, %d of the kernel", n, len(kernel))
	}
	// landlock.rst: "The following access rights apply only to files"
	if got := Names(FS[:], FileRights); got != "execute|write_file|read_file|truncate|ioctl_dev" {
		t.Errorf("rights of files: %s", got)
	}
}

func parse(t *testing.T, pairs ...string) *Policy {
	t.Helper()
	p, problems := Parse(annotations(pairs))
	if len(problems) > 0 {
		t.Fatalf("%v: %v", pairs, problems)
	}
	return p
}

func annotations(pairs []string) map[string]string {
	m := map[string]string{"com.example.other": "x"}
	for i := 0; i < len(pairs); i += 2 {
		m[Prefix+pairs[i]] = pairs[i+1]
	}
	return m
}

func TestParse_none(t *testing.T) {
	if p := parse(t); p != nil {
		t.Errorf("a policy out of nothing: %+v", p)
	}
}

func TestParse_fs(t *testing.T) {
	p := parse(t, "fs", "\n ro  /usr ;rx\t/bin/;; rw,ioctl_dev /var/my data\nexecute //x/../y ")
	want := []PathRule{
		{"/usr", readOnly}, {"/bin", readOnly | 1}, {"/var/my data", readWrite | 1<<15}, {"/y", 1},
	}
	if !slices.Equal(p.Paths, want) {
		t.Errorf("rules %+v, want %+v", p.Paths, want)
	}
	if p.FS != 0xffff || p.Net != 0 || p.Scope != 0 || p.BestEffort {
		t.Errorf("policy %+v", p)
	}
}

// An empty list of rules is one that allows nothing.
func TestParse_emptyListsDenyAll(t *testing.T) {
	p := parse(t, "fs", "", "net", " ")
	if p.FS == 0 || p.Net != 3 || len(p.Paths)+len(p.Ports) > 0 || p.Nothing() {
		t.Errorf("policy %+v", p)
	}
}

func TestParse_abiCutsGroups(t *testing.T) {
	p := parse(t, "fs", "rwx /", "abi", "1")
	if p.FS != 1<<13-1 || p.Paths[0].Access&^p.FS != 0 {
		t.Errorf("policy %+v", p)
	}
}

func TestParse_net(t *testing.T) {
	p := parse(t, "net", "bind 80, 443; connect *; connect 25")
	if want := []PortRule{{80, 1}, {443, 1}}; !slices.Equal(p.Ports, want) || p.Net != 1 {
		t.Errorf("policy %+v, want the rules %+v", p, want)
	}
	if p := parse(t, "net", "bind *;connect *"); !p.Nothing() {
		t.Errorf("everything is allowed, and yet: %+v", p)
	}
}

func TestParse_problems(t *testing.T) {
	for _, c := range []struct {
		name  string
		pairs []string
		key   string
		word  string
	}{
		{"unknown right", []string{"fs", "ro /;r /"}, KeyFS, `rule 2, "r /": unknown right "r"`},
		{"empty right", []string{"fs", "ro,, /"}, KeyFS, `unknown right ""`},
		{"no path", []string{"fs", "ro"}, KeyFS, "a path is missing"},
		{"relative", []string{"fs", "ro usr"}, KeyFS, "absolute"},
		{"nul", []string{"fs", "ro /a\x00b"}, KeyFS, "NUL"},
		{"right of later abi", []string{"fs", "truncate /", "abi", "2"}, KeyFS, "truncate is a right of ABI 3"},
		{"net of later abi", []string{"net", "", "abi", "3"}, KeyNet, "ABI 4"},
		{"scope of later abi", []string{"scope", "signal", "abi", "5"}, KeyScope, "ABI 6"},
		{"scope", []string{"scope", "signal,"}, KeyScope, `unknown scope ""`},
		{"net right", []string{"net", "listen 80"}, KeyNet, `unknown right "listen"`},
		{"port", []string{"net", "bind 80,-1"}, KeyNet, `"-1" is no TCP port`},
		{"star in a list", []string{"net", "bind 80,*"}, KeyNet, `"*" is no TCP port`},
		{"port missing", []string{"net", "bind"}, KeyNet, `"" is no TCP port`},
		{"abi", []string{"fs", "", "abi", "7"}, KeyABI, "1 to 6"},
		{"mode", []string{"fs", "", "mode", ""}, KeyMode, "best-effort"},
		{"mode alone", []string{"mode", "strict"}, KeyMode, "no rule"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, problems := Parse(annotations(c.pairs))
			if p != nil || len(problems) == 0 {
				t.Fatalf("accepted: %+v", p)
			}
			if q := problems[0]; q.Key != c.key || !strings.Contains(q.Message, c.word) {
				t.Errorf("problem %+v, want %s: …%s…", q, c.key, c.word)
			}
		})
	}
	if _, problems := Parse(annotations([]string{"fs", "x /; y /", "net", "z 1", "mode", "m"})); len(problems) != 4 {
		t.Errorf("not all problems at once: %v", problems)
	}
}

func TestPolicy_On(t *testing.T) {
	all := []string{"fs", "rw,ioctl_dev /; refer /x; truncate /y", "net", "bind 1", "scope", "signal"}
	for _, c := range []struct {
		abi   int
		fs    uint64
		net   uint64
		scope uint64
		paths int
		lost  []string // keys
	}{
		{9, 0xffff, 3, 2, 3, nil},
		{6, 0xffff, 3, 2, 3, nil},
		{5, 0xffff, 3, 0, 3, []string{KeyScope}},
		{4, 0x7fff, 3, 0, 3, []string{KeyFS, KeyScope}},
		{3, 0x7fff, 0, 0, 3, []string{KeyFS, KeyNet, KeyScope}},
		{2, 0x3fff, 0, 0, 2, []string{KeyFS, KeyNet, KeyScope}},
		{1, 0x1fff, 0, 0, 1, []string{KeyFS, KeyNet, KeyScope}},
		{0, 0, 0, 0, 0, []string{KeyFS, KeyNet, KeyScope}},
	} {
		p := parse(t, all...)
		q, lost := p.On(c.abi)
		if q.FS != c.fs || q.Net != c.net || q.Scope != c.scope || len(q.Paths) != c.paths {
			t.Errorf("ABI %d: %+v", c.abi, q)
		}
		for _, r := range q.Paths {
			if r.Access&^q.FS != 0 || r.Access == 0 {
				t.Errorf("ABI %d: the kernel would refuse %+v", c.abi, r)
			}
		}
		var keys []string
		for _, l := range lost {
			keys = append(keys, l.Key)
		}
		if !slices.Equal(keys, c.lost) {
			t.Errorf("ABI %d: lost %v, want %v", c.abi, keys, c.lost)
		}
		if len(p.Paths) != 3 || p.Paths[0].Access != readWrite|1<<15 {
			t.Errorf("ABI %d: the policy itself was changed: %+v", c.abi, p)
		}
	}
	// what ABI 1 denies in any case is not lost there
	if _, lost := parse(t, "fs", "ro /", "abi", "2").On(1); len(lost) > 0 {
		t.Errorf("refer is lost: %v", lost)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("ro /usr; rw /data", "bind 80; connect *", "signal", "6", "strict")
	f.Fuzz(func(t *testing.T, fs, net, scope, abi, mode string) {
		p, problems := Parse(map[string]string{KeyFS: fs, KeyNet: net, KeyScope: scope, KeyABI: abi, KeyMode: mode})
		if (p == nil) == (len(problems) == 0) {
			t.Fatalf("policy %v with problems %v", p, problems)
		}
		if p == nil {
			return
		}
		for _, r := range p.Paths {
			if r.Path == "" || r.Path[0] != '/' || r.Access&^p.FS != 0 {
				t.Errorf("rule %+v", r)
			}
		}
		for _, r := range p.Ports {
			if r.Access == 0 || r.Access&^p.Net != 0 {
				t.Errorf("rule %+v", r)
			}
		}
	})
}
