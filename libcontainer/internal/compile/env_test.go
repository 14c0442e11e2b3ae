package compile

import (
	"slices"
	"strconv"
	"testing"
)

func TestEnvironment(t *testing.T) {
	for _, c := range []struct {
		name     string
		in, want []string
		needHome bool
	}{
		{"none", nil, []string{}, true},
		{"order", []string{"B=1", "A=2", "HOME=/h", "C=3"}, []string{"B=1", "A=2", "HOME=/h", "C=3"}, false},
		{"the last value, where it stands", []string{"A=1", "B=2", "A=3", "C=4", "A=5", "HOME=/h"}, []string{"B=2", "C=4", "A=5", "HOME=/h"}, false},
		{"home unset", []string{"A=1"}, []string{"A=1"}, true},
		{"home empty", []string{"HOME=", "A=1"}, []string{"A=1"}, true},
		{"home empty at last", []string{"HOME=/a", "A=1", "HOME="}, []string{"A=1"}, true},
		{"home set at last", []string{"HOME=", "A=1", "HOME=/a"}, []string{"A=1", "HOME=/a"}, false},
		{"home twice", []string{"HOME=/a", "HOME=/b"}, []string{"HOME=/b"}, false},
		{"names that begin alike", []string{"HOMER=x", "A=1", "AB=2", "A=3"}, []string{"HOMER=x", "AB=2", "A=3"}, true},
		{"case counts", []string{"home=/x", "a=1", "A=2"}, []string{"home=/x", "a=1", "A=2"}, true},
		{"newlines and equals signs", []string{"A=x\ny", "B==", "C=a=b", "HOME=/h"}, []string{"A=x\ny", "B==", "C=a=b", "HOME=/h"}, false},
		{"an empty value stays", []string{"A=1", "A="}, []string{"A="}, true},
		{"no variable at all", []string{"A", "HOME", "=x", "A", "", "A=1", "=y"}, []string{"A", "HOME", "=x", "A", "", "A=1", "=y"}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := slices.Clone(c.in)
			got, needHome := environment(in)
			if !slices.Equal(got, c.want) || needHome != c.needHome {
				t.Errorf("%q %v, want %q %v", got, needHome, c.want, c.needHome)
			}
			if !slices.Equal(in, c.in) {
				t.Errorf("the config's list became %q", in)
			}
		})
	}
}

func TestExecCandidates(t *testing.T) {
	for _, c := range []struct {
		name string
		arg0 string
		env  []string
		cwd  string
		want []string
	}{
		{"absolute", "/bin/sh", []string{"PATH=/usr/bin"}, "/", []string{"/bin/sh"}},
		{"relative", "./sh", []string{"PATH=/usr/bin"}, "/srv", []string{"./sh"}},
		{"below", "bin/../sh", nil, "/srv", []string{"bin/../sh"}},
		{"no name", "", []string{"PATH=/usr/bin"}, "/", []string{""}},
		{"path", "sh", []string{"A=1", "PATH=/usr/bin:/bin"}, "/", []string{"/usr/bin/sh", "/bin/sh"}},
		{"the last path counts", "sh", []string{"PATH=/a", "PATH=/b"}, "/", []string{"/b/sh"}},
		{"slash at the end, root", "sh", []string{"PATH=/bin/:/"}, "/", []string{"/bin/sh", "/sh"}},
		{"not cleaned", "sh", []string{"PATH=/link/../bin"}, "/", []string{"/link/../bin/sh"}},
		{"unset", "sh", []string{"XPATH=/x"}, "/", []string{"/usr/local/sbin/sh", "/usr/local/bin/sh", "/usr/sbin/sh", "/usr/bin/sh", "/sbin/sh", "/bin/sh"}},
		{"empty", "sh", []string{"PATH="}, "/", []string{"/usr/local/sbin/sh", "/usr/local/bin/sh", "/usr/sbin/sh", "/usr/bin/sh", "/sbin/sh", "/bin/sh"}},
		{"empty and relative entries", "sh", []string{"PATH=:bin:/bin:"}, "/srv", []string{"/srv/sh", "/srv/bin/sh", "/bin/sh", "/srv/sh"}},
		{"the same in the root", "sh", []string{"PATH=:bin:."}, "/", []string{"/sh", "/bin/sh", "/./sh"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := execCandidates(c.arg0, c.env, c.cwd); !slices.Equal(got, c.want) {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

func BenchmarkEnvironment(b *testing.B) {
	env := make([]string, 30)
	for i := range env {
		env[i] = "VARIABLE_" + strconv.Itoa(i) + "=value"
	}
	b.ReportAllocs()
	for b.Loop() {
		environment(env)
	}
}
