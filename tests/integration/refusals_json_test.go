package integration

import (
	"os"
	"strings"
	"testing"
)

// A config that is no config: the text of it.
func TestRefusals_of_json(t *testing.T) {
	requires(t, "rt:rung")
	w := newWard(t)
	for _, c := range badTexts {
		t.Run(c.name, func(t *testing.T) {
			writeFile(t, w.Dir+"/config.json", c.text)
			w.refuse(t, refusal{args: []string{"create", "--bundle", "{bundle}", "{id}"}, want: "create {id}: " + c.want})
		})
	}
}

var badTexts = []struct{ name, text, want string }{
	{"nothing", "", `parse {bundle}/config.json: line 1, column 1: unexpected end, want an object`},
	{"blanks", " \n\t\n", `parse {bundle}/config.json: line 3, column 1: unexpected end, want an object`},
	{"a word", "hello", `parse {bundle}/config.json: line 1, column 1: want an object, got 'h'`},
	{"null", "null", `invalid configuration: root: is required (config.md#root); process: is required: there is nothing to start (config.md#process)`},
	{"an array", "[]", `invalid configuration: want an object, got an array, in line 1, column 1 (config.md)`},
	{"a number", "12", `invalid configuration: want an object, got a number, in line 1, column 1 (config.md)`},
	{"a string", `"{}"`, `invalid configuration: want an object, got a string, in line 1, column 1 (config.md)`},
	{"an empty object", "{}", `invalid configuration: root: is required (config.md#root); process: is required: there is nothing to start (config.md#process)`},
	{"cut in an object", `{"ociVersion": "1.0.2", "process": {`, `parse {bundle}/config.json: line 1, column 37: process: unexpected end, want a member name in quotes`},
	{"cut in a string", `{"ociVersion": "1.0`, `parse {bundle}/config.json: line 1, column 20: ociVersion: unexpected end in a string`},
	{"cut in an escape", `{"ociVersion": "\u00`, `parse {bundle}/config.json: line 1, column 17: ociVersion: invalid escape in a string`},
	{"cut in a number", `{"process": {"user": {"uid": -`, `parse {bundle}/config.json: line 1, column 31: process.user.uid: invalid number: no digit after '-'`},
	{"cut in a word", `{"process": {"terminal": tru`, `parse {bundle}/config.json: line 1, column 26: process.terminal: invalid literal, want true`},
	{"cut after a comma", `{"ociVersion": "1.0.2",`, `parse {bundle}/config.json: line 1, column 24: unexpected end, want a member name in quotes`},
	{"comma at the end", `{"ociVersion": "1.0.2",}`, `parse {bundle}/config.json: line 1, column 24: want a member name in quotes, got '}'`},
	{"no colon", `{"ociVersion" "1.0.2"}`, `parse {bundle}/config.json: line 1, column 15: ["1.0.2"]: want ':' after the member name, got a string`},
	{"no quotes", `{ociVersion: "1.0.2"}`, `parse {bundle}/config.json: line 1, column 2: want a member name in quotes, got 'o'`},
	{"single quotes", `{'ociVersion': '1.0.2'}`, `parse {bundle}/config.json: line 1, column 2: want a member name in quotes, got '\''`},
	{"a comment", "{\n\t// the version\n\t\"ociVersion\": \"1.0.2\"\n}", `parse {bundle}/config.json: line 2, column 2: want a member name in quotes, got '/'`},
	{"a bracket for a brace", `{"process": {"args": ["a"]]}`, `parse {bundle}/config.json: line 1, column 27: process.args: want ',' or '}', got ']'`},
	{"text behind", `{"ociVersion": "1.0.2"} {}`, `parse {bundle}/config.json: line 1, column 25: want nothing more, got an object`},
	{"a byte order mark", "\ufeff{}", `parse {bundle}/config.json: line 1, column 1: want an object, got 'ï'`},
	{"UTF-16", "{\x00}\x00", `parse {bundle}/config.json: line 1, column 2: want a member name in quotes, got '\x00'`},
	{"a NUL behind", "{}\x00", `parse {bundle}/config.json: line 1, column 3: want nothing more, got '\x00'`},
	{"a NUL in a string", "{\"ociVersion\": \"1.0\x00.2\"}", `parse {bundle}/config.json: line 1, column 20: ociVersion: control character '\x00' in a string`},
	{"a line break in a string", "{\"ociVersion\": \"1.0\n.2\"}", `parse {bundle}/config.json: line 1, column 20: ociVersion: control character '\n' in a string`},
	{"an escape that is none", `{"ociVersion": "1\.0"}`, `parse {bundle}/config.json: line 1, column 18: ociVersion: invalid escape in a string`},
	{"a number that begins with zero", `{"process": {"user": {"uid": 01}}}`, `parse {bundle}/config.json: line 1, column 31: process.user.uid: want ',' or '}', got a number`},
	{"a number that begins with plus", `{"process": {"user": {"uid": +1}}}`, `parse {bundle}/config.json: line 1, column 30: process.user.uid: want an integer, got '+'`},
	{"a number in hexadecimal", `{"process": {"user": {"uid": 0x10}}}`, `parse {bundle}/config.json: line 1, column 31: process.user.uid: want ',' or '}', got 'x'`},
	{"no number at all", `{"process": {"user": {"uid": NaN}}}`, `parse {bundle}/config.json: line 1, column 30: process.user.uid: want an integer, got 'N'`},
	{"too deep", strings.Repeat("[", 100000), `parse {bundle}/config.json: line 1, column 1: want an object, got an array`},
	{"too deep where nothing is known", `{"x": ` + strings.Repeat(`{"x": `, 20000), `parse {bundle}/config.json: line 1, column 60001: x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.…: nested deeper than 10000 levels`},
	{"a whole other file", "\x7fELF\x02\x01\x01\x00\x00\x00", `parse {bundle}/config.json: line 1, column 1: want an object, got '\x7f'`},
	// JSON, with values of a wrong type: all of them are told, and what else is wrong.
	{"args are a string", `{"ociVersion": "1.0.2", "root": {"path": "rootfs"}, "process": {"args": "/probe", "cwd": "/", "user": {"uid": 0, "gid": 0}}}`, `invalid configuration: process.args: want an array, got a string, in line 1, column 73 (config.md)`},
	{"a huge number", `{"ociVersion": "1.0.2", "root": {"path": "rootfs"}, "process": {"args": ["/probe"], "cwd": "/", "user": {"uid": 99999999999999999999999999, "gid": 0}}}`, `invalid configuration: process.user.uid: number 99999999999999999999999999 is out of range, want 0 to 4294967295, in line 1, column 113 (config.md)`},
	{"a number beyond all exponents", `{"ociVersion": "1.0.2", "root": {"path": "rootfs"}, "process": {"args": ["/probe"], "cwd": "/", "user": {"uid": 0, "gid": 1e999}}}`, `invalid configuration: process.user.gid: number 1e999 is not an integer, in line 1, column 123 (config.md)`},
	{"a negative id", `{"ociVersion": "1.0.2", "root": {"path": "rootfs"}, "process": {"args": ["/probe"], "cwd": "/", "user": {"uid": -1, "gid": 0}}}`, `invalid configuration: process.user.uid: number -1 is out of range, want 0 to 4294967295, in line 1, column 113 (config.md)`},
	{"half an id", `{"ociVersion": "1.0.2", "root": {"path": "rootfs"}, "process": {"args": ["/probe"], "cwd": "/", "user": {"uid": 0.5, "gid": 0}}}`, `invalid configuration: process.user.uid: number 0.5 is not an integer, in line 1, column 113 (config.md)`},
	{"a word for true", `{"ociVersion": "1.0.2", "root": {"path": "rootfs", "readonly": "yes"}, "process": {"args": ["/probe"], "cwd": "/", "user": {"uid": 0, "gid": 0}}}`, `invalid configuration: root.readonly: want a boolean, got a string, in line 1, column 64 (config.md)`},
	{"an object for a list", `{"ociVersion": "1.0.2", "root": {"path": "rootfs"}, "mounts": {"destination": "/x"}, "process": {"args": ["/probe"], "cwd": "/", "user": {"uid": 0, "gid": 0}}}`, `invalid configuration: mounts: want an array, got an object, in line 1, column 63 (config.md)`},
	{"a list for an object", `{"ociVersion": "1.0.2", "root": ["rootfs"], "process": {"args": ["/probe"], "cwd": "/", "user": {"uid": 0, "gid": 0}}}`, `invalid configuration: root: want an object, got an array, in line 1, column 33 (config.md)`},
	{"four of a wrong type", "{\"ociVersion\": 1,\n\"root\": {\"path\": 7, \"readonly\": 1},\n\"process\": {\"args\": [1], \"cwd\": \"/\", \"user\": {\"uid\": 0, \"gid\": 0}}}", `invalid configuration: ociVersion: want a string, got a number, in line 1, column 16 (config.md); root.path: want a string, got a number, in line 2, column 18 (config.md); root.readonly: want a boolean, got a number, in line 2, column 33 (config.md); process.args[0]: want a string, got a number, in line 3, column 22 (config.md)`},
	{"two of a wrong type and two others", `{"ociVersion": "2.0.0", "root": {"path": "rootfs", "readonly": 1}, "process": {"args": ["/probe"], "terminal": "no", "cwd": "x", "user": {"uid": 0, "gid": 0}}}`, `invalid configuration: root.readonly: want a boolean, got a number, in line 1, column 64 (config.md); process.terminal: want a boolean, got a string, in line 1, column 112 (config.md); ociVersion: version 2.0.0 is not supported, want 1.x (config.md#specification-version); process.cwd: "x" must be an absolute path (config.md#process)`},
}

// What is named as the config, and is no file of a config's size.
func TestRefusals_of_the_config_file(t *testing.T) {
	requires(t, "rt:rung")
	w := newWard(t)
	writeFile(t, w.Dir+"/large", "")
	if err := os.Truncate(w.Dir+"/large", 100<<20); err != nil {
		t.Fatal(err)
	}
	mkdir(t, w.Dir+"/directory/config.json", 0o755)
	mkdir(t, w.Dir+"/empty", 0o755)
	for _, link := range [][2]string{{"loop", "loop"}, {"nowhere", "dangling"}} {
		if err := os.Symlink(link[0], w.Dir+"/"+link[1]); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name string
		args []string
		want string
	}{
		{"no bundle", []string{"create", "--bundle", "{bundle}/none", "{id}"}, `create {id}: open {bundle}/none/config.json: no such file or directory`},
		{"no config in the bundle", []string{"create", "--bundle", "{bundle}/empty", "{id}"}, `create {id}: open {bundle}/empty/config.json: no such file or directory`},
		{"the bundle is a file", []string{"create", "--bundle", "{bundle}/large", "{id}"}, `create {id}: open {bundle}/large/config.json: not a directory`},
		{"the config is a directory", []string{"create", "--bundle", "{bundle}/directory", "{id}"}, `create {id}: read {bundle}/directory/config.json: is a directory`},
		{"the config is a device", []string{"create", "--bundle", "{bundle}", "--config", "/dev/zero", "{id}"}, `create {id}: read /dev/zero: neither a regular file nor a pipe`},
		{"the config is a loop", []string{"create", "--bundle", "{bundle}", "--config", "{bundle}/loop", "{id}"}, `create {id}: open {bundle}/loop: too many levels of symbolic links`},
		{"the config is a dangling link", []string{"run", "--bundle", "{bundle}", "--config", "{bundle}/dangling", "{id}"}, `run {id}: open {bundle}/dangling: no such file or directory`},
		{"the config is too large", []string{"run", "--bundle", "{bundle}", "--config", "{bundle}/large", "{id}"}, `run {id}: read {bundle}/large: larger than 64 MiB`},
		{"the name is too long", []string{"create", "--bundle", "{bundle}", "--config", "{bundle}/" + strings.Repeat("c", 256), "{id}"}, `create {id}: open {bundle}/cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc: file name too long`},
		{"plan of no bundle", []string{"plan", "--bundle", "{bundle}/none"}, `plan: open {bundle}/none/config.json: no such file or directory`},
		{"check of no bundle", []string{"check", "--bundle", "{bundle}/none"}, `check: open {bundle}/none/config.json: no such file or directory`},
		{"spec into no bundle", []string{"spec", "--bundle", "{bundle}/none"}, `spec: open {bundle}/none/config.json: no such file or directory`},
	} {
		t.Run(c.name, func(t *testing.T) { w.refuse(t, refusal{args: c.args, want: c.want}) })
	}
}
