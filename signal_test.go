package main

import (
	"syscall"
	"testing"
)

func TestParseSignal(t *testing.T) {
	for _, tc := range []struct {
		in   string
		want syscall.Signal // -1 for an error
	}{
		{"KILL", syscall.SIGKILL},
		{"SIGKILL", syscall.SIGKILL},
		{"sigkill", syscall.SIGKILL},
		{"Term", syscall.SIGTERM},
		{"9", syscall.SIGKILL},
		{"0", 0},
		{"64", 64},
		{"CLD", syscall.SIGCHLD},
		{"IOT", syscall.SIGABRT},
		{"SIGPOLL", syscall.SIGIO},
		{"WINCH", syscall.SIGWINCH},
		{"RTMIN", 34},
		{"SIGRTMIN+3", 37},
		{"rtmin+30", 64},
		{"RTMAX", 64},
		{"RTMAX-1", 63},
		{"RTMAX-30", 34},
		{"RTMIN+31", -1},
		{"RTMIN-1", -1},
		{"RTMAX+1", -1},
		{"RTMIN+", -1},
		{"RTMINX", -1},
		{"RTMIN++1", -1},
		{"65", -1},
		{"-1", -1},
		{"+9", -1},
		{"", -1},
		{"SIG", -1},
		{"SIGSIGKILL", -1},
		{"NOSUCH", -1},
		{"9x", -1},
	} {
		t.Run(tc.in, func(t *testing.T) {
			got, err := parseSignal(tc.in)
			if tc.want == -1 {
				if err == nil {
					t.Errorf("%q is signal %d, want an error", tc.in, got)
				}
			} else if err != nil || got != tc.want {
				t.Errorf("%q is %d, %v, want %d", tc.in, got, err, tc.want)
			}
		})
	}
}
