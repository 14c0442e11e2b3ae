# bash completion for rung. Written from the command tables by "make generate"; do not edit.
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
			--root|--log|--log-format|--log-level|--cgroup-manager|--rootless|--trace)
				[ "${before[i + 1]-}" != = ] || ((i++))
				((++i))
				[ "$word" != --root ] || global=(--root "${before[i]-}") ;;
			-*) ;;
			*) command=$word ;;
			esac
			continue
		fi
		case $command/$word in
		check/--bundle|check/-b|check/--config|check/-f|check/--format|\
		checkpoint/--image-path|checkpoint/--work-path|checkpoint/--manage-cgroups-mode|checkpoint/--empty-ns|checkpoint/--parent-path|checkpoint/--page-server|checkpoint/--status-fd|\
		create/--bundle|create/-b|create/--config|create/-f|create/--console-socket|create/--pid-file|create/--pidfd-socket|create/--preserve-fds|\
		events/--interval|\
		exec/--process|exec/-p|exec/--user|exec/-u|exec/--additional-gids|exec/-g|exec/--cwd|exec/--env|exec/-e|exec/--cap|exec/-c|exec/--process-label|exec/--apparmor|exec/--cgroup|exec/--console-socket|exec/--pid-file|exec/--pidfd-socket|exec/--preserve-fds|\
		list/--format|list/-f|\
		plan/--bundle|plan/-b|plan/--config|plan/-f|plan/--console-socket|plan/--pid-file|plan/--pidfd-socket|plan/--preserve-fds|plan/--format|\
		ps/--format|ps/-f|\
		restore/--bundle|restore/-b|restore/--config|restore/-f|restore/--console-socket|restore/--pid-file|restore/--pidfd-socket|restore/--preserve-fds|restore/--image-path|restore/--work-path|restore/--manage-cgroups-mode|restore/--empty-ns|restore/--lsm-profile|restore/--lsm-mount-context|\
		run/--bundle|run/-b|run/--config|run/-f|run/--console-socket|run/--pid-file|run/--pidfd-socket|run/--preserve-fds|\
		spec/--bundle|spec/-b|spec/--example|spec/-e|\
		trace/--top|\
		update/--resources|update/-r|update/--blkio-weight|update/--cpu-period|update/--cpu-quota|update/--cpu-burst|update/--cpu-share|update/--cpu-rt-period|update/--cpu-rt-runtime|update/--cpu-idle|update/--cpuset-cpus|update/--cpuset-mems|update/--memory|update/--memory-reservation|update/--memory-swap|update/--pids-limit|update/--l3-cache-schema|update/--mem-bw-schema)
			[ "${before[i + 1]-}" != = ] || ((i++))
			((++i)) ;;
		*/-*) ;;
		*) ((++ids)) ;;
		esac
	done

	case $command in
	'')
		case $prev in
		--root) _rung_files -d; return ;;
		--log) _rung_files -f; return ;;
		--log-format) _rung_words "text json"; return ;;
		--log-level) _rung_words "error warning info debug"; return ;;
		--cgroup-manager) _rung_words "cgroupfs systemd disabled"; return ;;
		--rootless) _rung_words "true false auto"; return ;;
		--trace) _rung_files -f; return ;;
		esac
		if [[ $cur == -* ]]; then _rung_words "--root --debug --log --log-format --log-level --systemd-cgroup --cgroup-manager --rootless --trace --version -v --help -h"
		else _rung_words "check checkpoint create delete events exec features kill list pause plan ps restore resume run spec start state trace update help"; fi
		return ;;
	check)
		case $prev in
		--bundle|-b) _rung_files -d; return ;;
		--config|-f) _rung_files -f; return ;;
		--format) _rung_words "text json"; return ;;
		esac
		if [[ $cur == -* ]]; then _rung_words "--bundle -b --config -f --format --help -h"
		fi ;;
	checkpoint)
		case $prev in
		--image-path) _rung_files -d; return ;;
		--work-path) _rung_files -d; return ;;
		--manage-cgroups-mode) _rung_words "soft full strict ignore props none"; return ;;
		--empty-ns) :; return ;;
		--parent-path) _rung_files -d; return ;;
		--page-server) :; return ;;
		--status-fd) :; return ;;
		esac
		if [[ $cur == -* ]]; then _rung_words "--image-path --work-path --tcp-established --ext-unix-sk --shell-job --file-locks --link-remap --manage-cgroups-mode --empty-ns --auto-dedup --lazy-pages --parent-path --leave-running --pre-dump --tcp-skip-in-flight --page-server --status-fd --help -h"
		elif ((ids == 0)); then _rung_words "$(rung "${global[@]}" list -q 2>/dev/null)"
		fi ;;
	create)
		case $prev in
		--bundle|-b) _rung_files -d; return ;;
		--config|-f) _rung_files -f; return ;;
		--console-socket) _rung_files -f; return ;;
		--pid-file) _rung_files -f; return ;;
		--pidfd-socket) _rung_files -f; return ;;
		--preserve-fds) :; return ;;
		esac
		if [[ $cur == -* ]]; then _rung_words "--bundle -b --config -f --console-socket --pid-file --pidfd-socket --no-pivot --no-new-keyring --preserve-fds --dry-run --help -h"
		fi ;;
	delete)
		if [[ $cur == -* ]]; then _rung_words "--force -f --regex -r --help -h"
		elif ((ids == 0)); then _rung_words "$(rung "${global[@]}" list -q 2>/dev/null)"
		fi ;;
	events)
		case $prev in
		--interval) :; return ;;
		esac
		if [[ $cur == -* ]]; then _rung_words "--stats --interval --help -h"
		elif ((ids == 0)); then _rung_words "$(rung "${global[@]}" list -q 2>/dev/null)"
		fi ;;
	exec)
		case $prev in
		--process|-p) _rung_files -f; return ;;
		--user|-u) :; return ;;
		--additional-gids|-g) :; return ;;
		--cwd) _rung_files -d; return ;;
		--env|-e) :; return ;;
		--cap|-c) :; return ;;
		--process-label) :; return ;;
		--apparmor) :; return ;;
		--cgroup) :; return ;;
		--console-socket) _rung_files -f; return ;;
		--pid-file) _rung_files -f; return ;;
		--pidfd-socket) _rung_files -f; return ;;
		--preserve-fds) :; return ;;
		esac
		if [[ $cur == -* ]]; then _rung_words "--process -p --tty -t --detach -d --user -u --additional-gids -g --cwd --env -e --cap -c --no-new-privs --process-label --apparmor --cgroup --ignore-paused --console-socket --pid-file --pidfd-socket --preserve-fds --help -h"
		elif ((ids == 0)); then _rung_words "$(rung "${global[@]}" list -q 2>/dev/null)"
		fi ;;
	features)
		if [[ $cur == -* ]]; then _rung_words "--help -h"
		fi ;;
	kill)
		if [[ $cur == -* ]]; then _rung_words "--all -a --regex -r --help -h"
		elif ((ids == 0)); then _rung_words "$(rung "${global[@]}" list -q 2>/dev/null)"
		elif ((ids == 1)); then _rung_words "HUP INT QUIT KILL USR1 USR2 TERM CONT STOP WINCH"
		fi ;;
	list)
		case $prev in
		--format|-f) _rung_words "table json"; return ;;
		esac
		if [[ $cur == -* ]]; then _rung_words "--format -f --quiet -q --help -h"
		fi ;;
	pause)
		if [[ $cur == -* ]]; then _rung_words "--help -h"
		elif ((ids == 0)); then _rung_words "$(rung "${global[@]}" list -q 2>/dev/null)"
		fi ;;
	plan)
		case $prev in
		--bundle|-b) _rung_files -d; return ;;
		--config|-f) _rung_files -f; return ;;
		--console-socket) _rung_files -f; return ;;
		--pid-file) _rung_files -f; return ;;
		--pidfd-socket) _rung_files -f; return ;;
		--preserve-fds) :; return ;;
		--format) _rung_words "text json"; return ;;
		esac
		if [[ $cur == -* ]]; then _rung_words "--bundle -b --config -f --console-socket --pid-file --pidfd-socket --no-pivot --no-new-keyring --preserve-fds --format --diff --help -h"
		fi ;;
	ps)
		case $prev in
		--format|-f) _rung_words "table json"; return ;;
		esac
		if [[ $cur == -* ]]; then _rung_words "--format -f --help -h"
		elif ((ids == 0)); then _rung_words "$(rung "${global[@]}" list -q 2>/dev/null)"
		fi ;;
	restore)
		case $prev in
		--bundle|-b) _rung_files -d; return ;;
		--config|-f) _rung_files -f; return ;;
		--console-socket) _rung_files -f; return ;;
		--pid-file) _rung_files -f; return ;;
		--pidfd-socket) _rung_files -f; return ;;
		--preserve-fds) :; return ;;
		--image-path) _rung_files -d; return ;;
		--work-path) _rung_files -d; return ;;
		--manage-cgroups-mode) _rung_words "soft full strict ignore props none"; return ;;
		--empty-ns) :; return ;;
		--lsm-profile) :; return ;;
		--lsm-mount-context) :; return ;;
		esac
		if [[ $cur == -* ]]; then _rung_words "--bundle -b --config -f --console-socket --pid-file --pidfd-socket --no-pivot --no-new-keyring --preserve-fds --image-path --work-path --tcp-established --ext-unix-sk --shell-job --file-locks --link-remap --manage-cgroups-mode --empty-ns --auto-dedup --lazy-pages --detach -d --no-subreaper --tcp-close --lsm-profile --lsm-mount-context --help -h"
		fi ;;
	resume)
		if [[ $cur == -* ]]; then _rung_words "--help -h"
		elif ((ids == 0)); then _rung_words "$(rung "${global[@]}" list -q 2>/dev/null)"
		fi ;;
	run)
		case $prev in
		--bundle|-b) _rung_files -d; return ;;
		--config|-f) _rung_files -f; return ;;
		--console-socket) _rung_files -f; return ;;
		--pid-file) _rung_files -f; return ;;
		--pidfd-socket) _rung_files -f; return ;;
		--preserve-fds) :; return ;;
		esac
		if [[ $cur == -* ]]; then _rung_words "--bundle -b --config -f --console-socket --pid-file --pidfd-socket --no-pivot --no-new-keyring --preserve-fds --dry-run --detach -d --keep --no-subreaper --help -h"
		fi ;;
	spec)
		case $prev in
		--bundle|-b) _rung_files -d; return ;;
		--example|-e) _rung_words "shell network limits rootless overlay hooks"; return ;;
		esac
		if [[ $cur == -* ]]; then _rung_words "--bundle -b --example -e --rootless --help -h"
		fi ;;
	start)
		if [[ $cur == -* ]]; then _rung_words "--help -h"
		elif ((ids == 0)); then _rung_words "$(rung "${global[@]}" list -q 2>/dev/null)"
		fi ;;
	state)
		if [[ $cur == -* ]]; then _rung_words "--help -h"
		elif ((ids == 0)); then _rung_words "$(rung "${global[@]}" list -q 2>/dev/null)"
		fi ;;
	trace)
		case $prev in
		--top) :; return ;;
		esac
		if [[ $cur == -* ]]; then _rung_words "--html --top --help -h"
		else _rung_files -f
		fi ;;
	update)
		case $prev in
		--resources|-r) _rung_files -f; return ;;
		--blkio-weight) :; return ;;
		--cpu-period) :; return ;;
		--cpu-quota) :; return ;;
		--cpu-burst) :; return ;;
		--cpu-share) :; return ;;
		--cpu-rt-period) :; return ;;
		--cpu-rt-runtime) :; return ;;
		--cpu-idle) :; return ;;
		--cpuset-cpus) :; return ;;
		--cpuset-mems) :; return ;;
		--memory) :; return ;;
		--memory-reservation) :; return ;;
		--memory-swap) :; return ;;
		--pids-limit) :; return ;;
		--l3-cache-schema) :; return ;;
		--mem-bw-schema) :; return ;;
		esac
		if [[ $cur == -* ]]; then _rung_words "--resources -r --blkio-weight --cpu-period --cpu-quota --cpu-burst --cpu-share --cpu-rt-period --cpu-rt-runtime --cpu-idle --cpuset-cpus --cpuset-mems --memory --memory-reservation --memory-swap --pids-limit --l3-cache-schema --mem-bw-schema --help -h"
		elif ((ids == 0)); then _rung_words "$(rung "${global[@]}" list -q 2>/dev/null)"
		fi ;;
	help)
		((ids)) || _rung_words "check checkpoint create delete events exec features kill list pause plan ps restore resume run spec start state trace update" ;;
	esac
}

complete -F _rung rung
