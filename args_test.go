package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

func TestArrange(t *testing.T) {
	flags := []cli.Flag{
		&cli.StringFlag{Name: "bundle", Aliases: []string{"b"}},
		&cli.BoolFlag{Name: "detach", Aliases: []string{"d"}},
		&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}},
		&cli.IntFlag{Name: "preserve-fds"},
		&cli.StringSliceFlag{Name: "cap"},
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
			opts, rest, err := arrange(args, flags, tc.plain)
			if tc.err != "" {
				if err == nil || err.Error() != tc.err {
					t.Fatalf("error %v, want %q", err, tc.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(opts.argv, " "); got != tc.opts {
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

// Every flag of every command must be of a kind that lookup knows.
func TestLookupKnowsEveryFlag(t *testing.T) {
	g := &globals{}
	flags := g.flags()
	for _, name := range commandNames {
		flags = append(flags, g.command(name).Flags...)
	}
	for _, f := range flags {
		for _, name := range f.Names() {
			if _, ok := lookup([]cli.Flag{f}, name); !ok {
				t.Errorf("flag %v: name %q not found", f, name)
			}
		}
	}
}

func FuzzArrange(f *testing.F) {
	f.Add("--bundle /b web -d", -1)
	f.Add("-dq - -- --x= ---", 1)
	f.Fuzz(func(t *testing.T, line string, plain int) {
		flags := (&creation{}).flags()
		args := strings.Split(line, " ")
		opts, rest, err := arrange(args, flags, plain)
		if err != nil {
			return
		}
		// Arranged once, arguments stay as they are.
		again := append(append(slices.Clone(opts.argv), "--"), rest...)
		opts2, rest2, err := arrange(again, flags, -1)
		if err != nil || !slices.Equal(opts.argv, opts2.argv) || !slices.Equal(rest, rest2) {
			t.Errorf("%q: %q %q, the second time %q %q %v", args, opts.argv, rest, opts2.argv, rest2, err)
		}
	})
}
