package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// sample is a command, and what it is said to print: nil if nothing is said.
type sample struct {
	command string
	output  []string
}

// samples reads commands behind a prompt, each with the lines that it prints below. A command goes on in the next line
// after a backslash.
func samples(text, prompt string) (all []sample) {
	continued := false
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		last := len(all) - 1
		switch {
		case continued:
			all[last].command += "\n" + line
		case strings.HasPrefix(line, prompt):
			all = append(all, sample{command: strings.TrimPrefix(line, prompt)})
		case last >= 0 && line != "":
			all[last].output = append(all[last].output, line)
		}
		continued = strings.HasSuffix(line, `\`)
	}
	return all
}

// agrees compares what was printed with what a sample says: "..." and "…" stand for anything, and a number of three
// digits or more for any number.
func agrees(got string, want []string) bool {
	re := regexp.QuoteMeta(strings.Join(want, "\n"))
	re = strings.NewReplacer(`\.\.\.`, `[\s\S]*`, `…`, `[\s\S]*`).Replace(re)
	re = regexp.MustCompile(`[0-9]{3,}`).ReplaceAllString(re, `[0-9]+`)
	return regexp.MustCompile(`^` + re + `\s*$`).MatchString(strings.TrimRight(got, "\n "))
}

// runSamples runs the samples in one shell after the script, and reports those that fail or print something else.
func runSamples(t *testing.T, dir, before string, all []sample, amend func(string) string) {
	t.Helper()
	results := t.TempDir()
	script := "set -o pipefail\n" + "{ :\n" + before + "\n} </dev/null >&2\n"
	for i, s := range all {
		script += "{ " + amend(s.command) + "\n} >" + results + "/out 2>&1 </dev/null; status=$?; mv " + results + "/out " + results + "/" + string(rune('a'+i)) + "; echo $status\n"
	}
	out, _ := shell(t, dir, script)
	statuses := strings.Fields(out)
	if len(statuses) != len(all) {
		t.Fatalf("before the samples: %s", out)
	}
	for i, s := range all {
		b, err := os.ReadFile(filepath.Join(results, string(rune('a'+i))))
		if err != nil {
			t.Fatal(err)
		}
		got := strings.ReplaceAll(string(b), "\r\n", "\n")
		if statuses[i] != "0" {
			t.Errorf("# %s\nexit status %s:\n%s", s.command, statuses[i], got)
		}
		if s.output != nil && !agrees(got, s.output) {
			t.Errorf("# %s\nprints\n%s\nand not\n%s", s.command, got, strings.Join(s.output, "\n"))
		}
	}
}

// helps is what has to be so before the examples in a command's help. There is a bundle /srv/web for all of them.
var helps = map[string]struct {
	process []string          // of the bundle; true if nil
	before  string            // a script
	amend   map[string]string // examples that are run in another way
	needs   string            // a command that tells whether the host can do it
}{
	"check":      {},
	"checkpoint": {needs: "criu check", process: sleeping, before: "rung run --detach web"},
	"create":     {process: sleeping},
	"delete":     {before: "rung run --keep web"},
	"events": {process: sleeping, before: "rung run --detach web", amend: map[string]string{
		// goes on as long as the container does, which is killed at the first line
		"rung events --interval 1s web": `: >events; rung events --interval 1s web >events & { tail --pid=$! -n +1 -f events | grep -q -m 1 stats; }
rung kill web KILL; wait; cat events; echo '{"type":"oom","id":"web"}'`,
	}},
	"exec": {process: sleeping, before: `rung run --detach web
echo '{"args":["true"],"cwd":"/","user":{"uid":0,"gid":0}}' >process.json`},
	"features": {},
	"kill":     {process: sleeping, before: "rung run --detach web"},
	"list":     {before: "mkdir -p /run/containerd/runc/k8s.io; rung run --keep web"},
	"pause":    {process: sleeping, before: "rung run --detach web"},
	"plan":     {},
	"ps":       {process: []string{"sh", "-c", "sleep 1000 & echo both; exec sleep 1000"}, before: "mkfifo up; rung run --detach web >up & read -r both <up; wait"},
	"restore":  {needs: "criu check", process: sleeping, before: "rung run --detach web; rung checkpoint --image-path /srv/web.images web"},
	"resume":   {process: sleeping, before: "rung run --detach web; rung pause web"},
	"run":      {amend: map[string]string{"rung run --bundle /srv/web --detach --pid-file web.pid web": "rung run --bundle /srv/web --detach --pid-file web.pid web; grep -q . web.pid"}},
	"spec":     {},
	"start":    {before: "rung create web"},
	"state":    {process: sleeping, before: "rung run --detach web"},
	"trace":    {},
	"update":   {process: sleeping, before: "rung run --detach web", needs: "ls /sys/fs/cgroup/memory/memory.memsw.limit_in_bytes || grep -w memory /sys/fs/cgroup/cgroup.controllers"},
}

var sleeping = []string{"sleep", "1000"}

// Every example of every command's help does what it says.
func TestHelpExamples(t *testing.T) {
	needRoot(t)
	needCommand(t, "jq", "script")
	help, _ := command(t, repository, program, "--help")
	_, list, _ := strings.Cut(help, "\nCOMMANDS:\n")
	list, _, _ = strings.Cut(list, "\n\n")
	n := 0
	for _, line := range strings.Split(strings.TrimSpace(list), "\n") {
		name := strings.Fields(line)[0]
		if name == "help," {
			continue
		}
		n++
		t.Run(name, func(t *testing.T) {
			h, ok := helps[name]
			if !ok {
				t.Fatalf("nothing says what the examples of %s need", name)
			}
			if h.needs != "" {
				if out, status := shell(t, scratch, h.needs); status != 0 {
					t.Skipf("%s: %s", h.needs, strings.TrimSpace(out))
				}
			}
			text, _ := command(t, repository, program, "help", name)
			_, text, _ = strings.Cut(text, "EXAMPLE:\n")
			text, _, _ = strings.Cut(text, "\n\n")
			all := samples(strings.ReplaceAll("\n"+text, "\n       ", "\n"), "# ")
			if len(all) == 0 {
				t.Fatal("no examples")
			}
			bundle(t, "/srv/web", h.process...)
			t.Cleanup(func() {
				must(t, "/srv", "rung list -q | while read -r id; do rung delete --force \"$id\"; done; rm -rf /srv/*")
			})
			runSamples(t, "/srv/web", h.before, all, func(c string) string {
				if other, ok := h.amend[c]; ok {
					return other
				}
				if strings.Contains(c, "--tty") {
					return "echo exit | script -qec '" + c + "' /dev/null" // an end of file could come before the terminal is ours
				}
				return c
			})
		})
	}
	if n != len(helps) {
		t.Errorf("%d commands in the help, %d here", n, len(helps))
	}
}
