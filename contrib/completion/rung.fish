# fish completion for rung. Written from the command tables by "make generate"; do not edit.

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
                case --root --log --log-format --log-level --cgroup-manager --rootless --trace
                    set skip 1
                case '-*'
                case '*'
                    set command $word
            end
        else
            switch $command/$word
                case check/--bundle check/-b check/--config check/-f check/--format \
                checkpoint/--image-path checkpoint/--work-path checkpoint/--manage-cgroups-mode checkpoint/--empty-ns checkpoint/--parent-path checkpoint/--page-server checkpoint/--status-fd \
                create/--bundle create/-b create/--config create/-f create/--console-socket create/--pid-file create/--pidfd-socket create/--preserve-fds \
                events/--interval \
                exec/--process exec/-p exec/--user exec/-u exec/--additional-gids exec/-g exec/--cwd exec/--env exec/-e exec/--cap exec/-c exec/--process-label exec/--apparmor exec/--cgroup exec/--console-socket exec/--pid-file exec/--pidfd-socket exec/--preserve-fds \
                list/--format list/-f \
                plan/--bundle plan/-b plan/--config plan/-f plan/--console-socket plan/--pid-file plan/--pidfd-socket plan/--preserve-fds plan/--format \
                ps/--format ps/-f \
                restore/--bundle restore/-b restore/--config restore/-f restore/--console-socket restore/--pid-file restore/--pidfd-socket restore/--preserve-fds restore/--image-path restore/--work-path restore/--manage-cgroups-mode restore/--empty-ns restore/--lsm-profile restore/--lsm-mount-context \
                run/--bundle run/-b run/--config run/-f run/--console-socket run/--pid-file run/--pidfd-socket run/--preserve-fds \
                spec/--bundle spec/-b spec/--example spec/-e \
                trace/--top \
                update/--resources update/-r update/--blkio-weight update/--cpu-period update/--cpu-quota update/--cpu-burst update/--cpu-share update/--cpu-rt-period update/--cpu-rt-runtime update/--cpu-idle update/--cpuset-cpus update/--cpuset-mems update/--memory update/--memory-reservation update/--memory-swap update/--pids-limit update/--l3-cache-schema update/--mem-bw-schema
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
complete -c rung -n "__rung_at ''" -a check -d 'say all that is wrong with a bundle on this host'
complete -c rung -n "__rung_at ''" -a checkpoint -d 'write a container\'s processes into images, and end it'
complete -c rung -n "__rung_at ''" -a create -d 'create a container'
complete -c rung -n "__rung_at ''" -a delete -d 'delete a container that has stopped'
complete -c rung -n "__rung_at ''" -a events -d 'tell what a container uses, and when it runs out of memory'
complete -c rung -n "__rung_at ''" -a exec -d 'run a further process in a container'
complete -c rung -n "__rung_at ''" -a features -d 'print what this runtime can do'
complete -c rung -n "__rung_at ''" -a kill -d 'send a signal to a container'
complete -c rung -n "__rung_at ''" -a list -d 'list the containers'
complete -c rung -n "__rung_at ''" -a pause -d 'stop all processes of a running container'
complete -c rung -n "__rung_at ''" -a plan -d 'print what create and start would do'
complete -c rung -n "__rung_at ''" -a ps -d 'list the processes of a container'
complete -c rung -n "__rung_at ''" -a restore -d 'make a container from the images of a checkpoint'
complete -c rung -n "__rung_at ''" -a resume -d 'let the processes of a paused container go on'
complete -c rung -n "__rung_at ''" -a run -d 'create and start a container'
complete -c rung -n "__rung_at ''" -a spec -d 'write a specification file to start from'
complete -c rung -n "__rung_at ''" -a start -d 'start the process of a created container'
complete -c rung -n "__rung_at ''" -a state -d 'print the state of a container'
complete -c rung -n "__rung_at ''" -a trace -d 'show what commands did, and where their time went'
complete -c rung -n "__rung_at ''" -a update -d 'change the limits of a container'
complete -c rung -n "__rung_at ''" -a help -d 'print the help of a command'
complete -c rung -n "__rung_at ''" -l root -x -a '(__fish_complete_directories)' -d 'directory for the state of containers (should be on a tmpfs)'
complete -c rung -n "__rung_at ''" -l debug -d 'log at level debug'
complete -c rung -n "__rung_at ''" -l log -r -F -d 'append log records to this file'
complete -c rung -n "__rung_at ''" -l log-format -x -a 'text json' -d 'form of log records, text or json'
complete -c rung -n "__rung_at ''" -l log-level -x -a 'error warning info debug' -d 'least level to log: error, warning, info or debug'
complete -c rung -n "__rung_at ''" -l systemd-cgroup -d 'let systemd make the cgroups; cgroupsPath then has the form "slice:prefix:name"'
complete -c rung -n "__rung_at ''" -l cgroup-manager -x -a 'cgroupfs systemd disabled' -d 'who makes the cgroups: cgroupfs, systemd or disabled'
complete -c rung -n "__rung_at ''" -l rootless -x -a 'true false auto' -d 'tolerate missing permissions on cgroups: true, false or auto'
complete -c rung -n "__rung_at ''" -l trace -r -F -d 'add what is done, and how long it takes, to this file: trace events for rung trace, Chrome and Perfetto'
complete -c rung -n "__rung_at ''" -l version -s v -d 'print the version'
complete -c rung -n '__rung_at check' -l bundle -s b -x -a '(__fish_complete_directories)' -d 'the bundle\'s directory'
complete -c rung -n '__rung_at check' -l config -s f -r -F -d 'the specification file'
complete -c rung -n '__rung_at check' -l format -x -a 'text json' -d 'text or json'
complete -c rung -n "__rung_at help 0" -a check
complete -c rung -n '__rung_at checkpoint 0' -a '(__rung_containers)' -d container
complete -c rung -n '__rung_at checkpoint' -l image-path -x -a '(__fish_complete_directories)' -d 'directory of the images'
complete -c rung -n '__rung_at checkpoint' -l work-path -x -a '(__fish_complete_directories)' -d 'directory of criu\'s log'
complete -c rung -n '__rung_at checkpoint' -l tcp-established -d 'allow TCP connections'
complete -c rung -n '__rung_at checkpoint' -l ext-unix-sk -d 'allow UNIX sockets that are connected to the host\'s'
complete -c rung -n '__rung_at checkpoint' -l shell-job -d 'allow a process that belongs to the caller\'s session and terminal'
complete -c rung -n '__rung_at checkpoint' -l file-locks -d 'allow locks of files'
complete -c rung -n '__rung_at checkpoint' -l link-remap -d 'allow files that have lost their name; they get one for the time being'
complete -c rung -n '__rung_at checkpoint' -l manage-cgroups-mode -x -a 'soft full strict ignore props none' -d 'what is done about control groups: soft, full, strict, ignore, props or none'
complete -c rung -n '__rung_at checkpoint' -l empty-ns -x -d 'leave the contents of the namespace out; only network can be; may be repeated'
complete -c rung -n '__rung_at checkpoint' -l auto-dedup -d 'free the pages of older images that newer ones have as well'
complete -c rung -n '__rung_at checkpoint' -l lazy-pages -d 'fetch memory when it is used, by userfaultfd(2)'
complete -c rung -n '__rung_at checkpoint' -l parent-path -x -a '(__fish_complete_directories)' -d 'directory of earlier images, relative to --image-path: what they have is not dumped again'
complete -c rung -n '__rung_at checkpoint' -l leave-running -d 'leave the container running'
complete -c rung -n '__rung_at checkpoint' -l pre-dump -d 'dump the memory alone, and leave the container running'
complete -c rung -n '__rung_at checkpoint' -l tcp-skip-in-flight -d 'leave out TCP connections that are being made'
complete -c rung -n '__rung_at checkpoint' -l page-server -x -d 'send the memory to the page server at ADDRESS:PORT'
complete -c rung -n '__rung_at checkpoint' -l status-fd -x -d 'write a NUL byte to file descriptor N when lazy pages can be had'
complete -c rung -n "__rung_at help 0" -a checkpoint
complete -c rung -n '__rung_at create' -l bundle -s b -x -a '(__fish_complete_directories)' -d 'the bundle\'s directory'
complete -c rung -n '__rung_at create' -l config -s f -r -F -d 'the specification file'
complete -c rung -n '__rung_at create' -l console-socket -r -F -d 'AF_UNIX socket to which the master of the container\'s terminal is sent'
complete -c rung -n '__rung_at create' -l pid-file -r -F -d 'file to write the process id of the container\'s init to'
complete -c rung -n '__rung_at create' -l pidfd-socket -r -F -d 'AF_UNIX socket to which a pidfd of the container\'s init is sent'
complete -c rung -n '__rung_at create' -l no-pivot -d 'do not use pivot_root(2), for a root filesystem on an initramfs'
complete -c rung -n '__rung_at create' -l no-new-keyring -d 'leave the container in the caller\'s session keyring'
complete -c rung -n '__rung_at create' -l preserve-fds -x -d 'hand over N further file descriptors, 3 and up, after those of $LISTEN_FDS'
complete -c rung -n '__rung_at create' -l dry-run -d 'do all that comes before the first change, print the plan, and end'
complete -c rung -n "__rung_at help 0" -a create
complete -c rung -n '__rung_at delete 0' -a '(__rung_containers)' -d container
complete -c rung -n '__rung_at delete' -l force -s f -d 'kill the container first (SIGKILL); one that does not exist is no error'
complete -c rung -n '__rung_at delete' -l regex -s r -d 'the id is a regular expression: delete every container it matches'
complete -c rung -n "__rung_at help 0" -a delete
complete -c rung -n '__rung_at events 0' -a '(__rung_containers)' -d container
complete -c rung -n '__rung_at events' -l stats -d 'print the statistics once, and end'
complete -c rung -n '__rung_at events' -l interval -x -d 'time between statistics, like 100ms or 1m'
complete -c rung -n "__rung_at help 0" -a events
complete -c rung -n '__rung_at exec 0' -a '(__rung_containers)' -d container
complete -c rung -n '__rung_at exec' -l process -s p -r -F -d 'file with the process as JSON, in place of a command'
complete -c rung -n '__rung_at exec' -l tty -s t -d 'give the process a terminal'
complete -c rung -n '__rung_at exec' -l detach -s d -d 'leave the process running in the background'
complete -c rung -n '__rung_at exec' -l user -s u -x -d 'numeric user, UID[:GID]'
complete -c rung -n '__rung_at exec' -l additional-gids -s g -x -d 'a further GID of the process; may be repeated'
complete -c rung -n '__rung_at exec' -l cwd -x -a '(__fish_complete_directories)' -d 'working directory in the container'
complete -c rung -n '__rung_at exec' -l env -s e -x -d 'NAME=VALUE for the environment; may be repeated'
complete -c rung -n '__rung_at exec' -l cap -s c -x -d 'a capability that the process has besides; may be repeated'
complete -c rung -n '__rung_at exec' -l no-new-privs -d 'let the process gain no privileges by what it executes'
complete -c rung -n '__rung_at exec' -l process-label -x -d 'SELinux label of the process'
complete -c rung -n '__rung_at exec' -l apparmor -x -d 'AppArmor profile of the process'
complete -c rung -n '__rung_at exec' -l cgroup -x -d 'control group below the container\'s, [CONTROLLER[,CONTROLLER]:]PATH; may be repeated'
complete -c rung -n '__rung_at exec' -l ignore-paused -d 'in a paused container, wait until it is resumed'
complete -c rung -n '__rung_at exec' -l console-socket -r -F -d 'AF_UNIX socket to which the master of the process\'s terminal is sent'
complete -c rung -n '__rung_at exec' -l pid-file -r -F -d 'file to write the process id to'
complete -c rung -n '__rung_at exec' -l pidfd-socket -r -F -d 'AF_UNIX socket to which a pidfd of the process is sent'
complete -c rung -n '__rung_at exec' -l preserve-fds -x -d 'hand over N further file descriptors, 3 and up'
complete -c rung -n "__rung_at help 0" -a exec
complete -c rung -n "__rung_at help 0" -a features
complete -c rung -n '__rung_at kill 0' -a '(__rung_containers)' -d container
complete -c rung -n '__rung_at kill 1' -a 'HUP INT QUIT KILL USR1 USR2 TERM CONT STOP WINCH' -d signal
complete -c rung -n '__rung_at kill' -l all -s a -d 'send the signal to all processes of the container'
complete -c rung -n '__rung_at kill' -l regex -s r -d 'the id is a regular expression: signal every container it matches'
complete -c rung -n "__rung_at help 0" -a kill
complete -c rung -n '__rung_at list' -l format -s f -x -a 'table json' -d 'table or json'
complete -c rung -n '__rung_at list' -l quiet -s q -d 'print ids only'
complete -c rung -n "__rung_at help 0" -a list
complete -c rung -n '__rung_at pause 0' -a '(__rung_containers)' -d container
complete -c rung -n "__rung_at help 0" -a pause
complete -c rung -n '__rung_at plan' -l bundle -s b -x -a '(__fish_complete_directories)' -d 'the bundle\'s directory'
complete -c rung -n '__rung_at plan' -l config -s f -r -F -d 'the specification file'
complete -c rung -n '__rung_at plan' -l console-socket -r -F -d 'AF_UNIX socket to which the master of the container\'s terminal is sent'
complete -c rung -n '__rung_at plan' -l pid-file -r -F -d 'file to write the process id of the container\'s init to'
complete -c rung -n '__rung_at plan' -l pidfd-socket -r -F -d 'AF_UNIX socket to which a pidfd of the container\'s init is sent'
complete -c rung -n '__rung_at plan' -l no-pivot -d 'do not use pivot_root(2), for a root filesystem on an initramfs'
complete -c rung -n '__rung_at plan' -l no-new-keyring -d 'leave the container in the caller\'s session keyring'
complete -c rung -n '__rung_at plan' -l preserve-fds -x -d 'hand over N further file descriptors, 3 and up, after those of $LISTEN_FDS'
complete -c rung -n '__rung_at plan' -l format -x -a 'text json' -d 'text or json'
complete -c rung -n '__rung_at plan' -l diff -d 'compare the plans of two bundles, or of two config files'
complete -c rung -n "__rung_at help 0" -a plan
complete -c rung -n '__rung_at ps 0' -a '(__rung_containers)' -d container
complete -c rung -n '__rung_at ps' -l format -s f -x -a 'table json' -d 'table or json; json has the process ids alone'
complete -c rung -n "__rung_at help 0" -a ps
complete -c rung -n '__rung_at restore' -l bundle -s b -x -a '(__fish_complete_directories)' -d 'the bundle\'s directory'
complete -c rung -n '__rung_at restore' -l config -s f -r -F -d 'the specification file'
complete -c rung -n '__rung_at restore' -l console-socket -r -F -d 'AF_UNIX socket to which the master of the container\'s terminal is sent'
complete -c rung -n '__rung_at restore' -l pid-file -r -F -d 'file to write the process id of the container\'s init to'
complete -c rung -n '__rung_at restore' -l pidfd-socket -r -F -d 'AF_UNIX socket to which a pidfd of the container\'s init is sent'
complete -c rung -n '__rung_at restore' -l no-pivot -d 'do not use pivot_root(2), for a root filesystem on an initramfs'
complete -c rung -n '__rung_at restore' -l no-new-keyring -d 'leave the container in the caller\'s session keyring'
complete -c rung -n '__rung_at restore' -l preserve-fds -x -d 'hand over N further file descriptors, 3 and up, after those of $LISTEN_FDS'
complete -c rung -n '__rung_at restore' -l image-path -x -a '(__fish_complete_directories)' -d 'directory of the images'
complete -c rung -n '__rung_at restore' -l work-path -x -a '(__fish_complete_directories)' -d 'directory of criu\'s log'
complete -c rung -n '__rung_at restore' -l tcp-established -d 'allow TCP connections'
complete -c rung -n '__rung_at restore' -l ext-unix-sk -d 'allow UNIX sockets that are connected to the host\'s'
complete -c rung -n '__rung_at restore' -l shell-job -d 'allow a process that belongs to the caller\'s session and terminal'
complete -c rung -n '__rung_at restore' -l file-locks -d 'allow locks of files'
complete -c rung -n '__rung_at restore' -l link-remap -d 'allow files that have lost their name; they get one for the time being'
complete -c rung -n '__rung_at restore' -l manage-cgroups-mode -x -a 'soft full strict ignore props none' -d 'what is done about control groups: soft, full, strict, ignore, props or none'
complete -c rung -n '__rung_at restore' -l empty-ns -x -d 'leave the contents of the namespace out; only network can be; may be repeated'
complete -c rung -n '__rung_at restore' -l auto-dedup -d 'free the pages of older images that newer ones have as well'
complete -c rung -n '__rung_at restore' -l lazy-pages -d 'fetch memory when it is used, by userfaultfd(2)'
complete -c rung -n '__rung_at restore' -l detach -s d -d 'leave the container running in the background'
complete -c rung -n '__rung_at restore' -l no-subreaper -d 'do not become the parent of the container\'s orphans'
complete -c rung -n '__rung_at restore' -l tcp-close -d 'restore TCP connections closed'
complete -c rung -n '__rung_at restore' -l lsm-profile -x -d 'TYPE:LABEL of the processes in place of the one they had'
complete -c rung -n '__rung_at restore' -l lsm-mount-context -x -d 'context of the mounts in place of the one they had'
complete -c rung -n "__rung_at help 0" -a restore
complete -c rung -n '__rung_at resume 0' -a '(__rung_containers)' -d container
complete -c rung -n "__rung_at help 0" -a resume
complete -c rung -n '__rung_at run' -l bundle -s b -x -a '(__fish_complete_directories)' -d 'the bundle\'s directory'
complete -c rung -n '__rung_at run' -l config -s f -r -F -d 'the specification file'
complete -c rung -n '__rung_at run' -l console-socket -r -F -d 'AF_UNIX socket to which the master of the container\'s terminal is sent'
complete -c rung -n '__rung_at run' -l pid-file -r -F -d 'file to write the process id of the container\'s init to'
complete -c rung -n '__rung_at run' -l pidfd-socket -r -F -d 'AF_UNIX socket to which a pidfd of the container\'s init is sent'
complete -c rung -n '__rung_at run' -l no-pivot -d 'do not use pivot_root(2), for a root filesystem on an initramfs'
complete -c rung -n '__rung_at run' -l no-new-keyring -d 'leave the container in the caller\'s session keyring'
complete -c rung -n '__rung_at run' -l preserve-fds -x -d 'hand over N further file descriptors, 3 and up, after those of $LISTEN_FDS'
complete -c rung -n '__rung_at run' -l dry-run -d 'do all that comes before the first change, print the plan, and end'
complete -c rung -n '__rung_at run' -l detach -s d -d 'leave the container running in the background'
complete -c rung -n '__rung_at run' -l keep -d 'keep the container when its process has ended'
complete -c rung -n '__rung_at run' -l no-subreaper -d 'do not become the parent of the container\'s orphans'
complete -c rung -n "__rung_at help 0" -a run
complete -c rung -n '__rung_at spec' -l bundle -s b -x -a '(__fish_complete_directories)' -d 'the bundle\'s directory'
complete -c rung -n '__rung_at spec' -l example -s e -x -a 'shell network limits rootless overlay hooks' -d 'name of an example: shell, network, limits, rootless, overlay or hooks'
complete -c rung -n '__rung_at spec' -l rootless -d 'for a container run without root privilege'
complete -c rung -n "__rung_at help 0" -a spec
complete -c rung -n '__rung_at start 0' -a '(__rung_containers)' -d container
complete -c rung -n "__rung_at help 0" -a start
complete -c rung -n '__rung_at state 0' -a '(__rung_containers)' -d container
complete -c rung -n "__rung_at help 0" -a state
complete -c rung -n '__rung_at trace 0' -F
complete -c rung -n '__rung_at trace' -l html -d 'write a timeline instead, as one HTML page, to standard output'
complete -c rung -n '__rung_at trace' -l top -x -d 'print the N slowest steps of each command; 0 for all'
complete -c rung -n "__rung_at help 0" -a trace
complete -c rung -n '__rung_at update 0' -a '(__rung_containers)' -d container
complete -c rung -n '__rung_at update' -l resources -s r -r -F -d 'file with the JSON of linux.resources, or - for standard input; the other options override it'
complete -c rung -n '__rung_at update' -l blkio-weight -x -d 'share of block I/O, 10 to 1000'
complete -c rung -n '__rung_at update' -l cpu-period -x -d 'length of the period that --cpu-quota is of, in microseconds'
complete -c rung -n '__rung_at update' -l cpu-quota -x -d 'microseconds of processor time in each period, -1 for no limit'
complete -c rung -n '__rung_at update' -l cpu-burst -x -d 'microseconds that may be saved up and used beyond the quota'
complete -c rung -n '__rung_at update' -l cpu-share -x -d 'share of processor time, 2 to 262144'
complete -c rung -n '__rung_at update' -l cpu-rt-period -x -d 'period of realtime scheduling in microseconds, on cgroup v1'
complete -c rung -n '__rung_at update' -l cpu-rt-runtime -x -d 'microseconds of realtime scheduling in each period, on cgroup v1'
complete -c rung -n '__rung_at update' -l cpu-idle -x -d '1: run only when nobody else wants to, 0: as others'
complete -c rung -n '__rung_at update' -l cpuset-cpus -x -d 'list of processors, like 0-3,8'
complete -c rung -n '__rung_at update' -l cpuset-mems -x -d 'list of memory nodes'
complete -c rung -n '__rung_at update' -l memory -x -d 'limit of memory, a size like 50M, -1 for none'
complete -c rung -n '__rung_at update' -l memory-reservation -x -d 'size of memory to be left when it is short'
complete -c rung -n '__rung_at update' -l memory-swap -x -d 'limit of memory and swap together, a size, -1 for none'
complete -c rung -n '__rung_at update' -l pids-limit -x -d 'limit of processes and threads, -1 for none'
complete -c rung -n '__rung_at update' -l l3-cache-schema -x -d 'level 3 cache schema of resctrl'
complete -c rung -n '__rung_at update' -l mem-bw-schema -x -d 'memory bandwidth schema of resctrl'
complete -c rung -n "__rung_at help 0" -a update
complete -c rung -s h -l help -d 'print the help'
