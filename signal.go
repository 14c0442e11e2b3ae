package main

import (
	"errors"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// The real-time signals as glibc numbers them: the kernel's begin at 32, of which the C libraries keep two.
// See signal(7).
const (
	sigRTMin = 34
	sigRTMax = 64
)

// parseSignal takes a signal's number, from 0 (which only asks whether the process is there) to 64, or its name with or
// without SIG, in any case; RTMIN+n and RTMAX-n too.
func parseSignal(s string) (syscall.Signal, error) {
	if n, err := strconv.Atoi(s); err == nil {
		if n < 0 || n > sigRTMax || s[0] == '+' {
			return 0, errors.New("signal " + s + " is not between 0 and " + strconv.Itoa(sigRTMax))
		}
		return syscall.Signal(n), nil
	}
	name := strings.TrimPrefix(strings.ToUpper(s), "SIG")
	for _, rt := range [...]struct {
		name  string
		start int
		sign  byte
	}{{"RTMIN", sigRTMin, '+'}, {"RTMAX", sigRTMax, '-'}} {
		rest, ok := strings.CutPrefix(name, rt.name)
		if !ok {
			continue
		}
		if rest == "" {
			return syscall.Signal(rt.start), nil
		}
		n, err := strconv.ParseUint(rest[1:], 10, 8)
		if rest[0] != rt.sign || err != nil || n > sigRTMax-sigRTMin {
			return 0, errors.New("unknown signal " + strconv.Quote(s))
		}
		if rt.sign == '-' {
			return syscall.Signal(rt.start - int(n)), nil
		}
		return syscall.Signal(rt.start + int(n)), nil
	}
	switch name { // names that a number has besides its first one
	case "CLD":
		name = "CHLD"
	case "IOT":
		name = "ABRT"
	case "POLL":
		name = "IO"
	}
	if sig := unix.SignalNum("SIG" + name); sig != 0 {
		return sig, nil
	}
	return 0, errors.New("unknown signal " + strconv.Quote(s))
}
