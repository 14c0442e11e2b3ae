package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/urfave/cli/v2"
)

func TestArrange(t *testing.T) {
	flags := []cli.Flag{
		&cli.StringFlag{Name: "bundle", Aliases: []string{"b"}},
		&cli.BoolFlag{Name: "detach", Aliases: []string{"d"}},
		&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}},
		&cli.IntFlag{Name: "preserve-fds"},
		&cli.GenericFlag{Name: "cap"},
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
		{"options first", "--bundle /b -d web", -1, "--bundle=/b --detach", "web", ""},
		{"options last", "web --bundle /b -d", -1, "--bundle=/b --detach", "web", ""},
		{"options between", "web -d KILL", -1, "--detach", "web KILL", ""},
		{"value after =", "--bundle=/b=c web", -1, "--bundle=/b=c", "web", ""},
		{"empty value", "--bundle= web", -1, "--bundle=", "web", ""},
		{"single dash before a long name", "-bundle /b web", -1, "--bundle=/b", "web", ""},
		{"alias with =", "-b=/b web", -1, "--bundle=/b", "web", ""},
		{"negative value", "web --preserve-fds -1", -1, "--preserve-fds=-1", "web", ""},
		{"value that looks like an option", "--bundle -d web", -1, "--bundle=-d", "web", ""},
		{"repeated", "--cap A --cap B,C web", -1, "--cap=A --cap=B,C", "web", ""},
		{"two spellings", "--bundle /a -b /b web", -1, "--bundle=/a --bundle=/b", "web", ""},
		{"bool with a value", "--detach=false web", -1, "--detach=false", "web", ""},
		{"cluster", "-dq web", -1, "--detach --quiet", "web", ""},
		{"cluster that ends in one with a value", "-db /b web", -1, "--detach --bundle=/b", "web", ""},
		{"cluster with a value in the middle", "-bd web", -1, "", "", "unknown option -bd"},
		{"end of options", "-d -- --bundle -q", -1, "--detach", "--bundle -q", ""},
		{"lone dash", "-d -", -1, "--detach", "-", ""},
		{"help anywhere", "web -h", -1, "--help", "web", ""},
		{"unknown", "web --frob=1", -1, "", "", "unknown option --frob"},
		{"unknown short", "-x web", -1, "", "", "unknown option -x"},
		{"value missing", "web --bundle", -1, "", "", "option --bundle needs a value"},
		{"plain from the first on", "-d exec -d web", 0, "--detach", "exec -d web", ""},
		{"plain from the second on", "-d web ls -la --bundle", 1, "--detach", "web ls -la --bundle", ""},
		{"three dashes", "---bundle x", -1, "", "", "unknown option ---bundle"},
		{"two dashes and =", "--= x", -1, "", "", "unknown option --"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			args := strings.Fields(tc.args)
			a, err := arrange(args, flags, tc.plain)
			if tc.err != "" {
				if err == nil || err.Error() != tc.err {
					t.Fatalf("error %v, want %q", err, tc.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(spellOut(a), " "); got != tc.opts {
				t.Errorf("options %q, want %q", got, tc.opts)
			}
			if got := strings.Join(a.positional, " "); got != tc.rest {
				t.Errorf("positional %q, want %q", got, tc.rest)
			}
			if !slices.Equal(args, strings.Fields(tc.args)) {
				t.Errorf("arguments changed to %q", args)
			}
		})
	}
}

func spellOut(a arranged) []string {
	if a.help {
		return append(a.options[:len(a.options):len(a.options)], "--help")
	}
	return a.options
}

// What options are given in which form, the library makes these values of it.
func TestValuesOfOptions(t *testing.T) {
	for _, tc := range []struct{ name, args, want string }{
		{"defaults", "", "s=def b=false i=7 d=5s g="},
		{"all", "-s x -b -i -3 -d 100ms -g 1,2 -g 3", "s=x b=true i=-3 d=100ms g=1,2 3"},
		{"the last counts", "-s x -s= -b -b=false", "s= b=false i=7 d=5s g="},
		{"a list and its other name", "-g 1 -gg \xff -gg=", "s=def b=false i=7 d=5s g=1 \xff "},
		{"bad bool", "-b=x", `x: option --b: "x" is not true or false`},
		{"bad number", "-i 1k", `x: option --i: "1k" is not a number`},
		{"number out of range", "-i 9999999999999999999", `x: option --i: "9999999999999999999" is not a number`},
		{"bad duration", "-d 5", `x: option --d: "5" is not a duration like 100ms or 5s`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var (
				s string
				b bool
				i int
				d time.Duration
				g []string
			)
			flags := []cli.Flag{
				&cli.StringFlag{Name: "s", Destination: &s, Value: "def"},
				&cli.BoolFlag{Name: "b", Destination: &b},
				&cli.IntFlag{Name: "i", Destination: &i, Value: 7},
				&cli.DurationFlag{Name: "d", Destination: &d, Value: 5 * time.Second},
				listOption("g", "gg", &g, ""),
			}
			cmd := &command{Command: cli.Command{Name: "x", Flags: flags}}
			app := &cli.App{Commands: []*cli.Command{&cmd.Command}, ExitErrHandler: func(*cli.Context, error) {}}
			argv := append([]string{"rung", "--"}, cmd.arrange(strings.Fields("x "+tc.args), func([]string) {})...)
			var got string
			if err := app.Run(argv); err != nil {
				got = err.Error()
			} else {
				got = fmt.Sprintf("s=%s b=%v i=%d d=%s g=%s", s, b, i, d, strings.Join(g, " "))
			}
			if got != tc.want {
				t.Errorf("%s, want %s", got, tc.want)
			}
		})
	}
}

func FuzzArrange(f *testing.F) {
	f.Add("--bundle /b web -d", -1)
	f.Add("-dq - -- --x= ---", 1)
	f.Fuzz(func(t *testing.T, line string, plain int) {
		flags := []cli.Flag{
			&cli.StringFlag{Name: "bundle", Aliases: []string{"b"}}, &cli.BoolFlag{Name: "detach", Aliases: []string{"d"}},
			&cli.BoolFlag{Name: "no-pivot"}, &cli.IntFlag{Name: "preserve-fds"},
		}
		args := strings.Split(line, " ")
		a, err := arrange(args, flags, plain)
		if err != nil {
			return
		}
		// Arranged once, arguments stay as they are.
		again, err := arrange(append(append(spellOut(a), "--"), a.positional...), flags, -1)
		if err != nil || !slices.Equal(a.options, again.options) || !slices.Equal(a.positional, again.positional) || a.help != again.help {
			t.Errorf("%q: %+v, the second time %+v, %v", args, a, again, err)
		}
	})
}
