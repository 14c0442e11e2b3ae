//go:build !amd64 && !arm64

package console

import (
	"os"
	"os/signal"
	"syscall"

	"github.com/rung-oci/rung/libcontainer/internal/sys"
	"golang.org/x/sys/unix"
)

// handOver has the signals written to fd, a byte each: the number. What does not
// fit is let be: so many wait that one more tells nothing new.
// keepIgnored leaves those alone that the caller has this process ignore.
func handOver(fd int, signals []unix.Signal, keepIgnored bool) error {
	list := make([]os.Signal, 0, len(signals))
	for _, n := range signals {
		if !keepIgnored || !signal.Ignored(n) {
			list = append(list, n)
		}
	}
	caught := make(chan os.Signal, 64)
	signal.Notify(caught, list...)
	go func() {
		for s := range caught {
			if n, ok := s.(syscall.Signal); ok {
				_, _ = sys.Write(fd, []byte{byte(n)})
			}
		}
	}()
	return nil
}

// resetHandler has the kernel do with a signal what it does by default.
func resetHandler(n unix.Signal) error {
	signal.Reset(n)
	return nil
}
