package docs

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// completions is what a line has to be completed with. The word at its end is the one that is being written.
var completions = []struct {
	name, line string
	want       []string // all there is, but for descriptions
	among      string   // or: one of them
}{
	{name: "commands", line: "rung res", want: []string{"restore", "resume"}},
	{name: "global options", line: "rung --log-f", want: []string{"--log-format"}},
	{name: "values of a global option", line: "rung --log-format ", want: []string{"json", "text"}},
	{name: "commands after global options", line: "rung --debug --log-format json pau", want: []string{"pause"}},
	{name: "options of a command", line: "rung kill --al", want: []string{"--all"}},
	{name: "values of an option", line: "rung list --format j", want: []string{"json"}},
	{name: "values after =", line: "rung list --format=t", want: []string{"table"}},
	{name: "containers", line: "rung --root ROOT state ", want: []string{"db", "web"}},
	{name: "containers, root after =", line: "rung --root=ROOT state w", want: []string{"web"}},
	{name: "containers after options", line: "rung --root ROOT exec --tty --user 0 d", want: []string{"db"}},
	{name: "signals", line: "rung --root ROOT kill web ", among: "KILL"},
	{name: "no containers for a new one", line: "rung --root ROOT run w", want: nil},
	{name: "commands for help", line: "rung help sta", want: []string{"start", "state"}},
	{name: "directories", line: "rung run --bundle BUNDLE/root", among: "rootfs"},
	{name: "a file for trace", line: "rung trace BUNDLE/conf", among: "config.json"},
	{name: "files", line: "rung run --config BUNDLE/config.j", among: "config.json"},
}

func TestCompletion(t *testing.T) {
	needRoot(t)
	dir := t.TempDir()
	web, root := filepath.Join(dir, "web"), filepath.Join(dir, "state")
	for _, id := range [...]string{"web", "db"} {
		bundle(t, filepath.Join(dir, id), "true")
		must(t, filepath.Join(dir, id), "rung --root "+root+" create "+id+" </dev/null")
		t.Cleanup(func() { must(t, dir, "rung --root "+root+" delete --force "+id) })
	}

	var lines []string
	for _, tc := range completions {
		lines = append(lines, strings.NewReplacer("ROOT", root, "BUNDLE", web).Replace(tc.line))
	}
	for _, sh := range []struct {
		name     string
		complete func(*testing.T, []string) [][]string
	}{{"bash", bash}, {"zsh", zsh}, {"fish", fish}} {
		t.Run(sh.name, func(t *testing.T) {
			needCommand(t, sh.name)
			for i, got := range sh.complete(t, lines) {
				tc := &completions[i]
				for j := range got {
					// fish answers with the whole word
					_, value, ok := strings.Cut(got[j], "=")
					if !ok {
						value = got[j]
					}
					got[j] = filepath.Base(strings.TrimSpace(value))
				}
				slices.Sort(got)
				got = slices.Compact(got)
				if tc.among == "" && !slices.Equal(got, tc.want) || tc.among != "" && !slices.Contains(got, tc.among) {
					t.Errorf("%s: %q is completed with %q, want %q", tc.name, lines[i], got, append(tc.want, tc.among))
				}
			}
		})
	}
}

// answers parts a shell's output into the answers to each line, which end with END.
func answers(t *testing.T, out string, lines []string) (all [][]string) {
	t.Helper()
	parts := strings.Split(out, "END\n")
	if len(parts) != len(lines)+1 {
		t.Fatalf("%d answers for %d lines:\n%s", len(parts)-1, len(lines), out)
	}
	for _, part := range parts[:len(lines)] {
		all = append(all, strings.FieldsFunc(part, func(r rune) bool { return r == '\n' }))
	}
	return all
}

// file writes a script for the shell.
func file(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

// bash parts a line into words as readline does, at = too, and calls the function that the file has registered.
func bash(t *testing.T, lines []string) [][]string {
	out, _ := command(t, repository, append([]string{"bash", "--norc", "--noprofile", file(t, `
set -u
source contrib/completion/rung.bash
complete -p rung | grep -q -- '-F _rung' || exit
for COMP_LINE; do
	COMP_POINT=${#COMP_LINE}
	read -ra COMP_WORDS <<<"${COMP_LINE//=/ = }"
	case $COMP_LINE in *[\ =]) COMP_WORDS+=('') ;; esac
	COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
	COMPREPLY=()
	_rung
	((${#COMPREPLY[@]} == 0)) || printf '%s\n' "${COMPREPLY[@]}"
	echo END
done
`)}, lines...)...)
	return answers(t, out, lines)
}

// fish completes a line by itself.
func fish(t *testing.T, lines []string) [][]string {
	t.Setenv("HOME", t.TempDir())
	out, _ := command(t, repository, append([]string{"fish", "--no-config", file(t, `
source contrib/completion/rung.fish
for line in $argv
    complete -C "$line" | string replace -r '\t.*' ''
    echo END
end
`)}, lines...)...)
	return answers(t, out, lines)
}

// zsh completes in its line editor alone, so that one is run on a terminal of zsh's own, with a widget in place of the
// usual one that tells the matches through a pipe and leaves the line as it is.
func zsh(t *testing.T, lines []string) [][]string {
	out, _ := command(t, repository, append([]string{"zsh", "-f", file(t, `
zmodload zsh/zpty
pipe=$1; shift
mkfifo $pipe
exec 3<>$pipe
cat >$pipe.rc <<'RC'
PROMPT=
unset zle_bracketed_paste
fpath=($PWD/contrib/completion $fpath)
autoload -U compinit
compinit -u -D
bindkey -e
compadd() {
	local -a hits
	builtin compadd -O hits "$@"
	(( $#hits )) && print -rl -- $hits >&3
	builtin compadd "$@"
}
tell() {
	_main_complete
	compstate[insert]= compstate[list]=
	print END >&3
}
zle -C tell complete-word tell
bindkey '^I' tell
print ready >&3
RC
zpty editor zsh -f -i
zpty -w editor "exec 3<>$pipe; source $pipe.rc"
read -r word <&3
for line; do
	zpty -w -n editor $'\C-u'$line$'\t'
	while read -r word <&3 && print -r -- $word && [[ $word != END ]]; do :; done
done
zpty -d editor
`), filepath.Join(t.TempDir(), "pipe")}, lines...)...)
	return answers(t, out, lines)
}
