// Command server is what the engines' tests run in containers: a static web server that says when it listens, and ends
// in order when it is asked to.
//
//	server [-listen ADDRESS] [-say WORD]   answers any request with WORD, the host name and the path
//	server -get URL                        asks, over and over where the server is not there yet, and prints the answer
//	server -realtime                       becomes a realtime process (SCHED_FIFO), and says so
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

func main() {
	listen := flag.String("listen", ":80", "address to listen on")
	say := flag.String("say", "hello", "first word of each answer")
	get := flag.String("get", "", "ask this URL in place of serving")
	realtime := flag.Bool("realtime", false, "become a realtime process in place of serving")
	flag.Parse()
	run := func() error { return serve(*listen, *say) }
	if *get != "" {
		run = func() error { return ask(*get) }
	}
	if *realtime {
		run = becomeRealtime
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "server:", err)
		os.Exit(1)
	}
}

func serve(address, word string) error {
	end, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	l, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	host, err := os.Hostname()
	if err != nil {
		return err
	}
	s := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s from %s %s\n", word, host, r.URL.Path)
	})}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	fmt.Println("listening")
	select {
	case err := <-served:
		return err
	case <-end.Done():
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := s.Shutdown(ctx); err != nil {
		return err
	}
	fmt.Println("ended in order")
	return nil
}

// ask tries until the server answers: in a network a name may come after the container that asks for it.
func ask(url string) error {
	client := http.Client{Timeout: 5 * time.Second}
	var last error
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for limit := time.Now().Add(30 * time.Second); time.Now().Before(limit); <-again.C {
		resp, err := client.Get(url)
		if err != nil {
			last = err
			continue
		}
		_, err = io.Copy(os.Stdout, resp.Body)
		return errors.Join(err, resp.Body.Close())
	}
	return last
}

// becomeRealtime is refused with EPERM in a group of cgroup v1 that has no time for it (sched-rt-group.rst).
func becomeRealtime() error {
	runtime.LockOSThread()
	attr := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_FIFO, Priority: 5}
	if err := unix.SchedSetAttr(0, &attr, 0); err != nil {
		return fmt.Errorf("sched_setattr SCHED_FIFO: %w", err)
	}
	fmt.Println("realtime")
	return nil
}
