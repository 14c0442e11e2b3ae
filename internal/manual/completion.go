package manual

import (
	"strconv"
	"strings"
)

// Signals is what kill completes: the names of signal(7) that people send.
var Signals = [...]string{"HUP", "INT", "QUIT", "KILL", "USR1", "USR2", "TERM", "CONT", "STOP", "WINCH"}

// names is the options' names as they are typed, with those for which keep is true.
func names(options []Option, keep func(Option) bool) []string {
	var all []string
	for _, o := range options {
		if keep == nil || keep(o) {
			for _, n := range o.Names {
				all = append(all, dashed(n))
			}
		}
	}
	return all
}

// valuedOptions is a pattern of all COMMAND/OPTION that take a value, a line for each command.
func valuedOptions(p *Program, or, indent string) string {
	var lines []string
	for _, c := range p.Commands {
		var words []string
		for _, n := range names(c.Options, Option.valued) {
			words = append(words, c.Name+"/"+n)
		}
		if words != nil {
			lines = append(lines, strings.Join(words, or))
		}
	}
	return strings.Join(lines, or+"\\\n"+indent)
}

func (o Option) valued() bool { return o.Value != "" }

// kind is what a value is, for a shell: "directory", "file", or "".
func (o Option) kind() string {
	switch o.Value {
	case "directory":
		return "directory"
	case "file", "socket":
		return "file"
	}
	return ""
}

// values writes the branches of a bash case that completes the options' values.
func bashValues(b *strings.Builder, indent string, options []Option) {
	for _, o := range options {
		if !o.valued() {
			continue
		}
		b.WriteString(indent + strings.Join(names([]Option{o}, nil), "|") + ") ")
		switch {
		case o.Choices != nil:
			b.WriteString(`_rung_words "` + strings.Join(o.Choices, " ") + `"`)
		case o.kind() == "directory":
			b.WriteString("_rung_files -d")
		case o.kind() == "file":
			b.WriteString("_rung_files -f")
		default:
			b.WriteString(":")
		}
		b.WriteString("; return ;;\n")
	}
}

// Bash is the completion for bash. It needs no more than bash itself.
func Bash(p *Program) []byte {
	b := &strings.Builder{}
	b.WriteString(`# bash completion for rung. Written from the command tables by "make generate"; do not edit.
# shellcheck shell=bash

_rung_words() { mapfile -t COMPREPLY < <(compgen -W "$1" -- "$cur"); }

_rung_files() {
	compopt -o filenames 2>/dev/null
	mapfile -t COMPREPLY < <(compgen "$1" -- "$cur")
}

_rung() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev='' command='' ids=0 i word
	local -a before=("${COMP_WORDS[@]:0:COMP_CWORD}") global=()
	COMPREPLY=()
	# bash parts --format=json into three words
	if [ "$cur" = = ]; then
		cur=
	elif [ "${before[-1]}" = = ]; then
		unset 'before[-1]'
	fi
	prev=${before[-1]}

	# the command is the first word that is neither a global option nor the value of one
	for ((i = 1; i < ${#before[@]}; i++)); do
		word=${before[i]}
		if [ -z "$command" ]; then
			case $word in
			`)
	b.WriteString(strings.Join(names(p.Options, Option.valued), "|") + ")\n")
	b.WriteString(`				[ "${before[i + 1]-}" != = ] || ((i++))
				((++i))
				[ "$word" != --root ] || global=(--root "${before[i]-}") ;;
			-*) ;;
			*) command=$word ;;
			esac
			continue
		fi
		case $command/$word in
		`)
	b.WriteString(valuedOptions(p, "|", "\t\t"))
	b.WriteString(`)
			[ "${before[i + 1]-}" != = ] || ((i++))
			((++i)) ;;
		*/-*) ;;
		*) ((++ids)) ;;
		esac
	done

	case $command in
	'')
		case $prev in
`)
	bashValues(b, "\t\t", p.Options)
	b.WriteString("\t\tesac\n\t\t" + `if [[ $cur == -* ]]; then _rung_words "` + strings.Join(append(names(p.Options, nil), "--help", "-h"), " ") + "\"\n")
	b.WriteString("\t\telse _rung_words \"")
	for _, c := range p.Commands {
		b.WriteString(c.Name + " ")
	}
	b.WriteString("help\"; fi\n\t\treturn ;;\n")
	for _, c := range p.Commands {
		b.WriteString("\t" + c.Name + ")\n")
		if len(names(c.Options, Option.valued)) > 0 {
			b.WriteString("\t\tcase $prev in\n")
			bashValues(b, "\t\t", c.Options)
			b.WriteString("\t\tesac\n")
		}
		b.WriteString("\t\t" + `if [[ $cur == -* ]]; then _rung_words "` + strings.Join(append(names(c.Options, nil), "--help", "-h"), " ") + `"`)
		if c.takesContainer() {
			b.WriteString("\n\t\t" + `elif ((ids == 0)); then _rung_words "$(rung "${global[@]}" list -q 2>/dev/null)"`)
		}
		if c.takesFile() {
			b.WriteString("\n\t\telse _rung_files -f")
		}
		if c.Name == "kill" {
			b.WriteString("\n\t\t" + `elif ((ids == 1)); then _rung_words "` + strings.Join(Signals[:], " ") + `"`)
		}
		b.WriteString("\n\t\tfi ;;\n")
	}
	b.WriteString("\thelp)\n\t\t((ids)) || _rung_words \"")
	for i, c := range p.Commands {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(c.Name)
	}
	b.WriteString("\" ;;\n\tesac\n}\n\ncomplete -F _rung rung\n")
	return []byte(b.String())
}

// single quotes for zsh, where two of them within stand for one only with an option set.
func zshQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// zshOption is the option as a specification of _arguments.
func zshOption(o Option) string {
	text := strings.NewReplacer("[", `\[`, "]", `\]`, ":", `\:`).Replace(o.Text)
	tail := "[" + text + "]"
	if o.valued() {
		tail += ":" + strings.NewReplacer(":", `\:`, "[", "", "]", "").Replace(o.Value)
		switch {
		case o.Choices != nil:
			tail += ":(" + strings.Join(o.Choices, " ") + ")"
		case o.kind() == "directory":
			tail += ":_files -/"
		case o.kind() == "file":
			tail += ":_files"
		default:
			tail += ": "
		}
	}
	all := names([]Option{o}, nil)
	var specs []string
	for _, n := range all {
		exclusive := "(" + strings.Join(all, " ") + ")"
		if strings.Contains(o.Text, "may be repeated") {
			exclusive = "*"
		}
		if o.valued() && strings.HasPrefix(n, "--") {
			n += "="
		}
		specs = append(specs, zshQuote(exclusive+n+tail))
	}
	return strings.Join(specs, " ")
}

// Zsh is the completion for zsh, a file for its fpath.
func Zsh(p *Program) []byte {
	b := &strings.Builder{}
	b.WriteString(`#compdef rung
# Written from the command tables by "make generate"; do not edit.

_rung_containers() {
	local -a ids root
	(( ${+opt_args[--root]} )) && root=(--root ${(Q)opt_args[--root]})
	(( $#rung_root )) && root=($rung_root)
	ids=(${(f)"$(_call_program containers rung $root list -q 2>/dev/null)"})
	compadd -a ids
}

_rung_commands() {
	local -a commands=(
`)
	for _, c := range p.Commands {
		b.WriteString("\t\t" + zshQuote(c.Name+":"+strings.ReplaceAll(c.Usage, ":", `\:`)) + "\n")
	}
	b.WriteString(`		'help:print the help of a command'
	)
	_describe -t commands command commands
}

_rung() {
	local curcontext=$curcontext state line
	local -a rung_root
	local -A opt_args
	_arguments -C -s \
`)
	for _, o := range p.Options {
		b.WriteString("\t\t" + zshOption(o) + " \\\n")
	}
	b.WriteString(`		'(-h --help)'{-h,--help}'[print the help]' \
		'1: :_rung_commands' '*:: :->arguments' && return
	[[ $state == arguments ]] || return
	(( ${+opt_args[--root]} )) && rung_root=(--root ${(Q)opt_args[--root]})
	curcontext="${curcontext%:*:*}:rung-$words[1]:"
	case $words[1] in
`)
	for _, c := range p.Commands {
		b.WriteString("\t" + c.Name + ")\n\t\t_arguments -s \\\n")
		for _, o := range c.Options {
			b.WriteString("\t\t\t" + zshOption(o) + " \\\n")
		}
		b.WriteString("\t\t\t'(-h --help)'{-h,--help}'[print the help]'")
		switch {
		case c.takesContainer():
			b.WriteString(" \\\n\t\t\t'1:container:_rung_containers'")
			switch c.Name {
			case "kill":
				b.WriteString(" '2:signal:(" + strings.Join(Signals[:], " ") + ")'")
			case "exec":
				b.WriteString(" '*:command: '")
			}
		case c.takesFile():
			b.WriteString(" \\\n\t\t\t'1:file:_files'")
		case strings.Contains(c.Arguments, "container-id"):
			b.WriteString(" \\\n\t\t\t'1:container id: '")
		}
		b.WriteString(" ;;\n")
	}
	b.WriteString("\thelp) _rung_commands ;;\n\tesac\n}\n\n_rung \"$@\"\n")
	return []byte(b.String())
}

func fishQuote(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(s) + "'"
}

func fishOptions(b *strings.Builder, condition string, options []Option) {
	for _, o := range options {
		b.WriteString("complete -c rung -n " + condition)
		for _, n := range o.Names {
			if len(n) == 1 {
				b.WriteString(" -s " + n)
			} else {
				b.WriteString(" -l " + n)
			}
		}
		switch {
		case !o.valued():
		case o.Choices != nil:
			b.WriteString(" -x -a " + fishQuote(strings.Join(o.Choices, " ")))
		case o.kind() == "directory":
			b.WriteString(" -x -a '(__fish_complete_directories)'")
		case o.kind() == "file":
			b.WriteString(" -r -F")
		default:
			b.WriteString(" -x")
		}
		b.WriteString(" -d " + fishQuote(o.Text) + "\n")
	}
}

// Fish is the completion for fish.
func Fish(p *Program) []byte {
	b := &strings.Builder{}
	b.WriteString(`# fish completion for rung. Written from the command tables by "make generate"; do not edit.

# __rung_at COMMAND [N]: whether COMMAND ('' for none yet) is what is being written, with N arguments before the cursor
function __rung_at
    set -l words (commandline -opc)
    set -l command ''
    set -l arguments 0
    set -l skip 0
    for word in $words[2..-1]
        if test $skip = 1
            set skip 0
            continue
        end
        if test -z "$command"
            switch $word
                case `)
	b.WriteString(strings.Join(names(p.Options, Option.valued), " "))
	b.WriteString(`
                    set skip 1
                case '-*'
                case '*'
                    set command $word
            end
        else
            switch $command/$word
                case `)
	b.WriteString(valuedOptions(p, " ", strings.Repeat(" ", 16)))
	b.WriteString(`
                    set skip 1
                case '*/-*'
                case '*'
                    set arguments (math $arguments + 1)
            end
        end
    end
    test "$command" = "$argv[1]"; or return 1
    test (count $argv) = 1; or test $arguments = $argv[2]
end

# the containers of the directory that --root names
function __rung_containers
    set -l words (commandline -opc)
    set -l root
    for i in (seq 2 (count $words))
        switch $words[$i]
            case --root
                set root --root $words[(math $i + 1)]
            case '--root=*'
                set root $words[$i]
        end
    end
    rung $root list -q 2>/dev/null
end

complete -c rung -f
`)
	for _, c := range p.Commands {
		b.WriteString(`complete -c rung -n "__rung_at ''" -a ` + c.Name + " -d " + fishQuote(c.Usage) + "\n")
	}
	b.WriteString(`complete -c rung -n "__rung_at ''" -a help -d 'print the help of a command'` + "\n")
	fishOptions(b, `"__rung_at ''"`, p.Options)
	for _, c := range p.Commands {
		if c.takesContainer() {
			b.WriteString("complete -c rung -n '__rung_at " + c.Name + " 0' -a '(__rung_containers)' -d container\n")
		}
		if c.takesFile() {
			b.WriteString("complete -c rung -n '__rung_at " + c.Name + " 0' -F\n")
		}
		if c.Name == "kill" {
			b.WriteString("complete -c rung -n '__rung_at kill 1' -a " + fishQuote(strings.Join(Signals[:], " ")) + " -d signal\n")
		}
		fishOptions(b, "'__rung_at "+c.Name+"'", c.Options)
		b.WriteString("complete -c rung -n " + strconv.Quote("__rung_at help 0") + " -a " + c.Name + "\n")
	}
	b.WriteString("complete -c rung -s h -l help -d 'print the help'\n")
	return []byte(b.String())
}
