package integration

import (
	"strings"
	"testing"
)

// Command lines that cannot be understood, and ids that are none.
func TestRefusals_of_command_lines(t *testing.T) {
	requires(t, "rt:rung")
	w := newWard(t)
	w.writeConfig()
	for _, c := range badLines {
		t.Run(c.name, func(t *testing.T) {
			w.refuse(t, refusal{args: c.args, want: c.want, exit: exitOf(c.args)})
		})
	}
	// Of each command: an option that it has not, no container, and one argument too many.
	for _, name := range commands {
		t.Run(name+" with an unknown option", func(t *testing.T) {
			w.refuse(t, refusal{args: []string{name, "--wings", "{id}"}, want: name + ": unknown option --wings", exit: exitOf([]string{name})})
		})
		switch name {
		case "check", "features", "list", "plan", "spec":
		default:
			t.Run(name+" of nothing", func(t *testing.T) {
				w.refuse(t, refusal{args: []string{name}, want: name + ": a container id is needed", exit: exitOf([]string{name})})
			})
		}
		switch name {
		case "exec", "kill", "ps": // what follows is for another program, or a signal
		case "check", "features", "list", "spec":
			t.Run(name+" of something", func(t *testing.T) {
				w.refuse(t, refusal{args: []string{name, "{id}"}, want: name + `: unexpected argument "{id}"`})
			})
		default:
			t.Run(name+" of two", func(t *testing.T) {
				w.refuse(t, refusal{args: []string{name, "{id}", "another"}, want: name + `: unexpected argument "another"`})
			})
		}
	}
}

var commands = [...]string{
	"check", "checkpoint", "create", "delete", "events", "exec", "features", "kill", "list", "pause", "plan", "ps", "restore",
	"resume", "run", "spec", "start", "state", "update",
}

// exitOf is the exit status of a command that fails: of exec 255, as everything below may be its process's.
func exitOf(args []string) int {
	if args[0] == "exec" {
		return 255
	}
	return 1
}

// long is longer than the name of a file may be.
var long = strings.Repeat("n", 300)

var badLines = []struct {
	name string
	args []string
	want string
}{
	{"no such command", []string{"dance"}, `No help topic for 'dance'`},
	{"help of no such command", []string{"help", "dance"}, `No help topic for 'dance'`},
	{"no such global option", []string{"--wings", "list"}, `unknown option --wings`},
	{"global option without value", []string{"--root"}, `option --root needs a value`},
	{"no such form of log", []string{"--log-format", "poem", "list"}, `option --log-format: "poem" is not text or json`},
	{"no such level of log", []string{"--log-level", "loud", "list"}, `option --log-level: unknown level "loud"`},
	{"no such log", []string{"--log", "{bundle}/none/log", "list"}, `list: option --log: open {bundle}/none/log: no such file or directory`},
	{"the log is a directory", []string{"--log", "{bundle}", "list"}, `list: option --log: open {bundle}: is a directory`},
	{"no such rootless", []string{"--rootless", "maybe", "list"}, `option --rootless: "maybe" is not true, false or auto`},
	{"no such maker of cgroups", []string{"--cgroup-manager", "hand", "list"}, `option --cgroup-manager: "hand" is not cgroupfs, systemd or disabled`},
	{"a flag that is no truth", []string{"--debug=perhaps", "list"}, `option --debug: "perhaps" is not true or false`},
	{"empty root", []string{"--root=", "list"}, `option --root: is empty`},
	{"root that is not there", []string{"--root", "{bundle}/none", "list"}, `list: open {bundle}/none: no such file or directory`},
	{"root that is a file", []string{"--root", "{bundle}/config.json", "list"}, `list: open {bundle}/config.json: not a directory`},
	{"container in a root that is not there", []string{"--root", "{bundle}/none", "state", "{id}"}, `state {id}: container does not exist: {id}`},
	{"container in a root that is a file", []string{"--root", "{bundle}/config.json", "state", "{id}"}, `state {id}: open {bundle}/config.json/{id}: not a directory`},
	{"create in a root that is a file", []string{"--root", "{bundle}/config.json", "create", "--bundle", "{bundle}", "{id}"}, `create {id}: mkdir {bundle}/config.json/{id}: not a directory`},
	{"create in a root below a file", []string{"--root", "{bundle}/config.json/x", "create", "--bundle", "{bundle}", "{id}"}, `create {id}: mkdir {bundle}/config.json/x/{id}: not a directory`},
	// ids
	{"empty id", []string{"create", "--bundle", "{bundle}", ""}, `create: container id cannot be empty`},
	{"id of a dot", []string{"create", "--bundle", "{bundle}", "."}, `create: invalid container id ".": no directory can have that name`},
	{"id of two dots", []string{"create", "--bundle", "{bundle}", ".."}, `create: invalid container id "..": no directory can have that name`},
	{"id that is a path", []string{"create", "--bundle", "{bundle}", "a/b"}, `create: invalid container id "a/b": only letters, digits and _ - + . are allowed`},
	{"id that climbs", []string{"create", "--bundle", "{bundle}", "../{id}"}, `create: invalid container id "../{id}": only letters, digits and _ - + . are allowed`},
	{"id with a blank", []string{"create", "--bundle", "{bundle}", "a b"}, `create: invalid container id "a b": only letters, digits and _ - + . are allowed`},
	{"id of two lines", []string{"create", "--bundle", "{bundle}", "a\nb"}, `create: invalid container id "a\nb": only letters, digits and _ - + . are allowed`},
	{"id with an umlaut", []string{"create", "--bundle", "{bundle}", "blödsinn"}, `create: invalid container id "blödsinn": only letters, digits and _ - + . are allowed`},
	{"id of bytes that are no text", []string{"create", "--bundle", "{bundle}", "a\xff"}, `create: invalid container id "a\xff": only letters, digits and _ - + . are allowed`},
	{"id too long", []string{"create", "--bundle", "{bundle}", long}, `create: invalid container id "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"…: longer than 255 bytes`},
	{"state of an id that climbs", []string{"state", "../{id}"}, `state: invalid container id "../{id}": only letters, digits and _ - + . are allowed`},
	{"delete of an id that climbs", []string{"delete", "--force", "../{id}"}, `delete: invalid container id "../{id}": only letters, digits and _ - + . are allowed`},
	{"kill of an empty id", []string{"kill", "", "KILL"}, `kill: container id cannot be empty`},
	{"exec in an id that is a path", []string{"exec", "a/b", "true"}, `exec: invalid container id "a/b": only letters, digits and _ - + . are allowed`},
	{"delete by an expression that is none", []string{"delete", "--regex", "("}, "delete: \"(\" is not a regular expression: missing closing ): `(`"},
	// create and run
	{"bundle without value", []string{"create", "{id}", "--bundle"}, `create: option --bundle needs a value`},
	{"no number of descriptors", []string{"create", "--bundle", "{bundle}", "--preserve-fds", "three", "{id}"}, `create: option --preserve-fds: "three" is not a number`},
	{"fewer than no descriptors", []string{"run", "--bundle", "{bundle}", "--preserve-fds", "-1", "{id}"}, `run: option --preserve-fds: -1 is negative`},
	{"descriptors that are not open", []string{"run", "--bundle", "{bundle}", "--preserve-fds", "2000", "{id}"}, `run: hand over 2000 file descriptors: use fd 3: bad file descriptor`},
	{"more descriptors than there are numbers", []string{"run", "--bundle", "{bundle}", "--preserve-fds", "99999999999999999999", "{id}"}, `run: option --preserve-fds: "99999999999999999999" is not a number`},
	{"a flag with a value", []string{"run", "--bundle", "{bundle}", "--detach=sometimes", "{id}"}, `run: option --detach: "sometimes" is not true or false`},
	{"no short option", []string{"run", "-z", "{id}"}, `run: unknown option -z`},
	// exec
	{"exec of no command", []string{"exec", "{id}"}, `exec: a command is needed, or --process`},
	{"exec as a name", []string{"exec", "--user", "root", "{id}", "true"}, `exec: option --user: "root" is not a numeric id from 0 to 4294967294`},
	{"exec as a negative user", []string{"exec", "--user", "-1", "{id}", "true"}, `exec: option --user: "-1" is not a numeric id from 0 to 4294967294`},
	{"exec as nobody's number", []string{"exec", "--user", "4294967295", "{id}", "true"}, `exec: option --user: "4294967295" is not a numeric id from 0 to 4294967294`},
	{"exec with a group by name", []string{"exec", "--user", "0:wheel", "{id}", "true"}, `exec: option --user: "wheel" is not a numeric id from 0 to 4294967294`},
	{"exec with a further group by name", []string{"exec", "--additional-gids", "wheel", "{id}", "true"}, `exec: option --additional-gids: "wheel" is not a numeric id from 0 to 4294967294`},
	{"exec with a nameless variable", []string{"exec", "--env", "=x", "{id}", "true"}, `exec: option --env: "=x" has no name`},
	{"exec with fewer than no descriptors", []string{"exec", "--preserve-fds", "-2", "{id}", "true"}, `exec: option --preserve-fds: -2 is negative`},
	{"exec with descriptors that are not open", []string{"exec", "--preserve-fds", "3000", "{id}", "true"}, `exec: hand over 3000 file descriptors: use fd 3: bad file descriptor`},
	// kill
	{"no such signal", []string{"kill", "{id}", "SIGFUN"}, `kill: unknown signal "SIGFUN"`},
	{"no such number of a signal", []string{"kill", "{id}", "65"}, `kill: signal 65 is not between 0 and 64`},
	{"a negative signal", []string{"kill", "{id}", "--", "-9"}, `kill: signal -9 is not between 0 and 64`},
	{"two signals", []string{"kill", "{id}", "TERM", "KILL"}, `kill: unexpected argument "KILL"`},
	// update
	{"memory in words", []string{"update", "--memory", "lots", "{id}"}, `update: option --memory: "lots" is not a number, or too large a one`},
	{"memory in an unknown unit", []string{"update", "--memory", "5Q", "{id}"}, `update: option --memory: "5Q" is not a number, or too large a one`},
	{"memory beyond all numbers", []string{"update", "--memory", "99999999T", "{id}"}, `update: option --memory: "99999999T" is not a number, or too large a one`},
	{"negative shares", []string{"update", "--cpu-share", "-5", "{id}"}, `update: option --cpu-share: "-5" is not a number from 0 up`},
	{"a weight in words", []string{"update", "--blkio-weight", "heavy", "{id}"}, `update: option --blkio-weight: "heavy" is not a number from 10 to 1000`},
	{"a period with a unit", []string{"update", "--cpu-period", "5ms", "{id}"}, `update: option --cpu-period: "5ms" is not a number from 0 up`},
	{"a quota with a fraction", []string{"update", "--cpu-quota", "0.5", "{id}"}, `update: option --cpu-quota: "0.5" is not a number, or too large a one`},
	{"pids in words", []string{"update", "--pids-limit", "few", "{id}"}, `update: option --pids-limit: "few" is not a number, or too large a one`},
	// the others
	{"no such form of a list", []string{"list", "--format", "song"}, `list: option --format: "song" is not table or json`},
	{"no such form of processes", []string{"ps", "--format", "song", "{id}"}, `ps: option --format: "song" is not table or json`},
	{"no such form of a plan", []string{"plan", "--format", "song", "--bundle", "{bundle}"}, `plan: option --format: "song" is not text or json`},
	{"no such form of a check", []string{"check", "--format", "song", "--bundle", "{bundle}"}, `check: option --format: "song" is not text or json`},
	{"events at no interval", []string{"events", "--interval", "0s", "{id}"}, `events: option --interval: 0s is no time to wait`},
	{"events at an interval without unit", []string{"events", "--interval", "5", "{id}"}, `events: option --interval: "5" is not a duration like 100ms or 5s`},
	{"spec over another", []string{"spec", "--bundle", "{bundle}"}, `spec: open {bundle}/config.json: file exists: remove it first`},
	{"checkpoint with a mode for cgroups", []string{"checkpoint", "--manage-cgroups-mode", "wild", "{id}"}, `checkpoint: option --manage-cgroups-mode: "wild" is not soft, full, strict, ignore, props or none`},
}
