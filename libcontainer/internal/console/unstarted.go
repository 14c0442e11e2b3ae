package console

import (
	"os"
	"strconv"
	"strings"

	"github.com/rung-oci/rung/libcontainer/internal/sys"
	"golang.org/x/sys/unix"
)

// goOn continues a child that is stopped before its program has run an instruction. A process of the container
// that may signal the child, but was too late to stop it before execve(2), would hold the caller of exec: a
// SIGSTOP that is sent during that call stops the new program at its start. Where a program is stopped later it
// is the container's affair, as with job control.
func goOn(pid, pidfd int) {
	if unstarted(pid) {
		_ = sys.PidfdSendSignal(pidfd, unix.SIGCONT, nil, 0)
	}
}

// unstarted reports whether a process is stopped with its stack pointer where execve(2) has set it (startstack
// of proc_pid_stat(5)). A caller that may not know answers false.
func unstarted(pid int) bool {
	dir := "/proc/" + strconv.Itoa(pid)
	stat, err := sys.ReadFile(dir + "/stat")
	if err != nil {
		return false
	}
	text := string(stat)
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	const state, startstack = 0, 25 // fields 3 and 28
	if len(fields) <= startstack || fields[state] != "T" {
		return false
	}
	start, err := strconv.ParseUint(fields[startstack], 10, 64)
	if err != nil || start <= 1 { // 0 and 1 stand for an address that the caller may not know
		return false
	}
	call, err := os.ReadFile(dir + "/syscall") // ends with the stack pointer and the program counter
	words := strings.Fields(string(call))
	if err != nil || len(words) < 3 {
		return false
	}
	at, err := strconv.ParseUint(strings.TrimPrefix(words[len(words)-2], "0x"), 16, 64)
	return err == nil && at == start
}
