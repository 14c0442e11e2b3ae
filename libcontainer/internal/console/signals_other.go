//go:build !amd64 && !arm64

package console

import (
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// handOver has the signals written to fd, a byte each: the number. What does not
// fit is let be: so many wait that one more tells nothing new.
func handOver(fd int, signals []unix.Signal) error {
	list := make([]os.Signal, len(signals))
	for i, n := range signals {
		list[i] = n
	}
	caught := make(chan os.Signal, 64)
	signal.Notify(caught, list...)
	go func() {
		for s := range caught {
			if n, ok := s.(syscall.Signal); ok {
				_, _ = unix.Write(fd, []byte{byte(n)})
			}
		}
	}()
	return nil
}
