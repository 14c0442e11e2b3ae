package criu

import "strings"

// Reason finds in a log of criu's the error for which it gave up, "" if there is none. Many of its errors are none: before
// its work it tries what the kernel can do, raises limits, and says "Error" of each attempt that fails. And behind the
// reason comes what follows from it, one line for each process and function that gives up, too.
func Reason(log string) string {
	first, reason := "", ""
	for line := range strings.Lines(log) {
		_, text, ok := strings.Cut(line, "Error (")
		if !ok {
			if begins(line) {
				reason = ""
			}
			continue
		}
		file, said, ok := strings.Cut(text, "): ")
		said = strings.TrimSpace(said)
		if !ok || said == "" {
			continue
		}
		if first == "" {
			first = said
		}
		if reason == "" && !attempted(file, said) && !follows(said) {
			reason = said
		}
	}
	if reason == "" {
		return first
	}
	return reason
}

// begins reports whether criu's work itself begins with a line: what it said before was about the kernel.
func begins(line string) bool {
	for _, s := range [...]string{"Reading image tree", "Dumping processes (pid:", "Pre-dumping processes (pid:"} {
		if strings.Contains(line, s) {
			return true
		}
	}
	return false
}

// attempted reports whether an error is one that criu goes on after, whenever it comes.
func attempted(file, said string) bool {
	return strings.HasPrefix(file, "criu/tun.c:") && strings.Contains(said, "Unable to create tun") ||
		strings.Contains(said, "RLIMIT_NOFILE for self")
}

// follows reports whether an error only says that something has failed before.
func follows(said string) bool {
	for _, s := range [...]string{"FAILED", "exited, status=", "killed by signal", "cgroupd: recv req error"} {
		if strings.Contains(said, s) {
			return true
		}
	}
	return false
}
