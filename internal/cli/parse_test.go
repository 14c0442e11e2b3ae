package cli

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	flags := []Flag{
		&StringFlag{Name: "bundle", Aliases: []string{"b"}},
		&BoolFlag{Name: "detach", Aliases: []string{"d"}},
		&BoolFlag{Name: "quiet", Aliases: []string{"q"}},
		&IntFlag{Name: "preserve-fds"},
		&GenericFlag{Name: "cap"},
	}
	for _, tc := range []struct {
		name  string
		args  string
		plain int
		opts  string
		rest  string
		err   string
	}{
		{"nothing", "", -1, "", "", ""},
		{"options first", "--bundle /b -d web", -1, "--bundle=/b --detach=true", "web", ""},
		{"options last", "web --bundle /b -d", -1, "--bundle=/b --detach=true", "web", ""},
		{"options between", "web -d KILL", -1, "--detach=true", "web KILL", ""},
		{"value after =", "--bundle=/b=c web", -1, "--bundle=/b=c", "web", ""},
		{"empty value", "--bundle= web", -1, "--bundle=", "web", ""},
		{"single dash before a long name", "-bundle /b web", -1, "--bundle=/b", "web", ""},
		{"alias with =", "-b=/b web", -1, "--bundle=/b", "web", ""},
		{"negative value", "web --preserve-fds -1", -1, "--preserve-fds=-1", "web", ""},
		{"value that looks like an option", "--bundle -d web", -1, "--bundle=-d", "web", ""},
		{"repeated", "--cap A --cap B,C web", -1, "--cap=A --cap=B,C", "web", ""},
		{"two spellings", "--bundle /a -b /b web", -1, "--bundle=/a --bundle=/b", "web", ""},
		{"bool with a value", "--detach=false web", -1, "--detach=false", "web", ""},
		{"cluster", "-dq web", -1, "--detach=true --quiet=true", "web", ""},
		{"cluster that ends in one with a value", "-db /b web", -1, "--detach=true --bundle=/b", "web", ""},
		{"cluster with a value in the middle", "-bd web", -1, "", "", "unknown option -bd"},
		{"end of options", "-d -- --bundle -q", -1, "--detach=true", "--bundle -q", ""},
		{"lone dash", "-d -", -1, "--detach=true", "-", ""},
		{"help anywhere", "web -h", -1, "--help=true", "web", ""},
		{"unknown", "web --frob=1", -1, "", "", "unknown option --frob"},
		{"unknown short", "-x web", -1, "", "", "unknown option -x"},
		{"value missing", "web --bundle", -1, "", "", "option --bundle needs a value"},
		{"plain from the first on", "-d exec -d web", 0, "--detach=true", "exec -d web", ""},
		{"plain from the second on", "-d web ls -la --bundle", 1, "--detach=true", "web ls -la --bundle", ""},
		{"three dashes", "---bundle x", -1, "", "", "unknown option ---bundle"},
		{"two dashes and =", "--= x", -1, "", "", "unknown option --"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			args := strings.Fields(tc.args)
			opts, rest, err := Parse(args, flags, tc.plain)
			if tc.err != "" {
				if err == nil || err.Error() != tc.err {
					t.Fatalf("error %v, want %q", err, tc.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(spellOut(opts), " "); got != tc.opts {
				t.Errorf("options %q, want %q", got, tc.opts)
			}
			if got := strings.Join(rest, " "); got != tc.rest {
				t.Errorf("positional %q, want %q", got, tc.rest)
			}
			if !slices.Equal(args, strings.Fields(tc.args)) {
				t.Errorf("arguments changed to %q", args)
			}
		})
	}
}

// spellOut is the options as --name=value.
func spellOut(opts Options) []string {
	var s []string
	for _, o := range opts {
		name := "help"
		if o.flag != nil {
			name = Names(o.flag)[0]
		}
		s = append(s, "--"+name+"="+o.value)
	}
	return s
}

type collected []string

func (c *collected) Set(s string) error { *c = append(*c, s); return nil }
func (c *collected) String() string     { return strings.Join(*c, " ") }

func TestAssign(t *testing.T) {
	for _, tc := range []struct{ name, args, want string }{
		{"defaults", "", "s=def b=false i=7 d=5s g="},
		{"all", "-s x -b -i -3 -d 100ms -g 1,2 -g 3", "s=x b=true i=-3 d=100ms g=1,2 3"},
		{"the last counts", "-s x -s= -b -b=false", "s= b=false i=7 d=5s g="},
		{"bad bool", "-b=x", `option --b: "x" is not true or false`},
		{"bad number", "-i 1k", `option --i: "1k" is not a number`},
		{"number out of range", "-i 9999999999999999999", `option --i: "9999999999999999999" is not a number`},
		{"bad duration", "-d 5", `option --d: "5" is not a duration like 100ms or 5s`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var (
				s string
				b bool
				i int
				d time.Duration
				g collected
			)
			flags := []Flag{
				&StringFlag{Name: "s", Destination: &s, Value: "def"},
				&BoolFlag{Name: "b", Destination: &b},
				&IntFlag{Name: "i", Destination: &i, Value: 7},
				&DurationFlag{Name: "d", Destination: &d, Value: 5 * time.Second},
				&GenericFlag{Name: "g", Value: &g},
			}
			opts, _, err := Parse(strings.Fields(tc.args), flags, -1)
			if err != nil {
				t.Fatal(err)
			}
			var got string
			if err := Assign(flags, opts); err != nil {
				got = err.Error()
			} else {
				got = fmt.Sprintf("s=%s b=%v i=%d d=%s g=%s", s, b, i, d, &g)
			}
			if got != tc.want {
				t.Errorf("%s, want %s", got, tc.want)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add("--bundle /b web -d", -1)
	f.Add("-dq - -- --x= ---", 1)
	f.Fuzz(func(t *testing.T, line string, plain int) {
		flags := []Flag{
			&StringFlag{Name: "bundle", Aliases: []string{"b"}}, &BoolFlag{Name: "detach", Aliases: []string{"d"}},
			&BoolFlag{Name: "no-pivot"}, &IntFlag{Name: "preserve-fds"},
		}
		args := strings.Split(line, " ")
		opts, rest, err := Parse(args, flags, plain)
		if err != nil {
			return
		}
		// Arranged once, arguments stay as they are.
		again := append(append(spellOut(opts), "--"), rest...)
		opts2, rest2, err := Parse(again, flags, -1)
		if err != nil || !slices.Equal(opts, opts2) || !slices.Equal(rest, rest2) {
			t.Errorf("%q: %q %q, the second time %q %q %v", args, spellOut(opts), rest, spellOut(opts2), rest2, err)
		}
	})
}
