# bash completion for rung: the program itself says what a line can be completed with. Nothing is needed but bash.
# shellcheck shell=bash

_rung() {
	local words=() glue='' i word lines
	# bash parts --format=json into three words
	for ((i = 1; i <= COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		if [[ $word == = || $glue ]] && ((${#words[@]})); then
			words[-1]+=$word
			[[ $word == = ]] && glue=1 || glue=
		else
			words+=("$word")
		fi
	done
	word=${words[-1]}
	COMPREPLY=()
	mapfile -t lines < <(RUNG_COMPLETE=bash rung "${words[@]}" --generate-bash-completion 2>/dev/null)
	case ${lines[0]-} in
	:file | :directory)
		compopt -o filenames 2>/dev/null
		[[ $word != -*=* ]] || word=${word#*=}
		i=-f
		[[ ${lines[0]} == :file ]] || i=-d
		mapfile -t COMPREPLY < <(compgen $i -- "$word")
		return ;;
	esac
	for i in "${lines[@]}"; do
		i=${i%%$'\t'*}
		if [[ $i == "$word"* ]]; then
			[[ $word != -*=* ]] || i=${i#*=}
			COMPREPLY+=("$i")
		fi
	done
}

complete -F _rung rung
