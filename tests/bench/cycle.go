package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// cycle measures create, start, the end of the process, and delete as one: the wall time that the sum of the three
// commands leaves out lies between them.
func (b *bench) cycle(id string) error {
	pidFile := filepath.Join(b.quick, "pid")
	begin := time.Now()
	if err := b.plain("create", "--bundle", b.quick, "--pid-file", pidFile, id); err != nil {
		return err
	}
	pid, err := readPID(pidFile)
	if err != nil {
		return err
	}
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return fmt.Errorf("pidfd_open %d: %w", pid, err)
	}
	defer unix.Close(fd)
	if err := b.plain("start", id); err != nil {
		return err
	}
	if err := reap(pid, fd); err != nil {
		return err
	}
	if err := b.plain("delete", id); err != nil {
		return err
	}
	b.keep(cycleOp, sample{wall: float64(time.Since(begin)) / 1e6})
	return nil
}

// plain runs a command of the runtime without the meter: within a longer time than its own, the meter's would count.
func (b *bench) plain(arg ...string) error {
	argv := append([]string{b.rt.Path, "--root", b.root}, arg...)
	p, err := os.StartProcess(b.rt.Path, argv, &os.ProcAttr{Files: []*os.File{b.stdin, b.stderr, b.stderr}})
	if err != nil {
		return err
	}
	state, err := p.Wait()
	if err != nil {
		return err
	}
	if !state.Success() {
		return fmt.Errorf("%s %s: %s", b.rt.Name, arg[0], state)
	}
	return nil
}
