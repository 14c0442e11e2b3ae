package libcontainer

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/rung-oci/rung/libcontainer/internal/cgroup"
	"github.com/rung-oci/rung/libcontainer/internal/cgroup/stats"
	"github.com/rung-oci/rung/libcontainer/internal/jsonscan"
	"github.com/rung-oci/rung/libcontainer/internal/state"
	"github.com/rung-oci/rung/libcontainer/internal/sys"
	"golang.org/x/sys/unix"
)

// Types of Event.
const (
	EventStats = "stats" // what the container has used so far
	EventOOM   = "oom"   // its memory limit made the kernel look for a process to kill
)

// Event is something to tell of a container.
type Event struct {
	Type string
	ID   string
	Data *Stats // of EventStats
}

// AppendJSON appends the event as one JSON object, in the form of runc's events.
func (e *Event) AppendJSON(b []byte) []byte {
	b = jsonscan.AppendString(jsonscan.AppendKey(append(b, '{'), "type"), e.Type)
	b = jsonscan.AppendString(jsonscan.AppendKey(b, "id"), e.ID)
	if e.Data != nil {
		b = e.Data.appendJSON(jsonscan.AppendKey(b, "data"))
	}
	return append(b, '}')
}

// Stats is what a container has used so far, as its control groups and its
// network namespace count it.
type Stats struct {
	stats.Stats
	Interfaces []Interface // of a network namespace that is not the caller's own, without the loopback
}

// Interface is the traffic of a network interface, as the container sees it
// (proc_pid_net(5), dev).
type Interface struct {
	Name                                    string
	RxBytes, RxPackets, RxErrors, RxDropped uint64
	TxBytes, TxPackets, TxErrors, TxDropped uint64
}

func (s *Stats) appendJSON(b []byte) []byte {
	b = s.Stats.AppendJSON(append(b, '{'))
	b = append(jsonscan.AppendKey(b, "intel_rdt"), "{}"...)
	b = jsonscan.AppendKey(b, "network_interfaces")
	if len(s.Interfaces) == 0 {
		return append(b, "null}"...)
	}
	b = append(b, '[')
	for _, i := range s.Interfaces {
		b = jsonscan.AppendString(jsonscan.AppendKey(append(jsonscan.AppendComma(b), '{'), "Name"), i.Name)
		for _, n := range [...]struct {
			name  string
			value uint64
		}{
			{"RxBytes", i.RxBytes}, {"RxPackets", i.RxPackets}, {"RxErrors", i.RxErrors}, {"RxDropped", i.RxDropped},
			{"TxBytes", i.TxBytes}, {"TxPackets", i.TxPackets}, {"TxErrors", i.TxErrors}, {"TxDropped", i.TxDropped},
		} {
			b = jsonscan.AppendUint(jsonscan.AppendKey(b, n.name), n.value)
		}
		b = append(b, '}')
	}
	return append(b, "]}"...)
}

// Stats reads the container's statistics once. ErrNotRunning: it has stopped.
func (c *Container) Stats() (*Stats, error) {
	s, err := c.stats()
	return s, opError("events", c.id, err)
}

func (c *Container) stats() (*Stats, error) {
	g, err := c.alive()
	if err != nil {
		return nil, err
	}
	return c.read(g)
}

// alive gives the groups of a container that has not stopped.
func (c *Container) alive() (*cgroup.Group, error) {
	e, err := c.open()
	if err != nil {
		return nil, err
	}
	defer e.Close()
	if c.status(e) == state.Stopped {
		return nil, fmt.Errorf("the container has stopped: %w", ErrNotRunning)
	}
	return c.ownGroup(e)
}

func (c *Container) read(g *cgroup.Group) (*Stats, error) {
	counted, err := g.Stats()
	if err != nil {
		return nil, err
	}
	return &Stats{Stats: *counted, Interfaces: interfaces(c.state.Pid)}, nil
}

// interfaces is the traffic in the network namespace of a process. One that has
// ended, or shares the caller's namespace, has none.
func interfaces(pid int) []Interface {
	dir := "/proc/" + strconv.Itoa(pid)
	theirs, err := os.Readlink(dir + "/ns/net")
	ours, err2 := os.Readlink("/proc/self/ns/net")
	if err != nil || err2 != nil || theirs == ours {
		return nil
	}
	text, err := sys.ReadFile(dir + "/net/dev")
	if err != nil {
		return nil
	}
	return parseInterfaces(string(text))
}

// parseInterfaces reads /proc/net/dev: eight numbers received and eight sent
// after the name; bytes, packets, errors and drops come first of each.
func parseInterfaces(text string) []Interface {
	var list []Interface
	for line := range strings.Lines(text) {
		name, rest, ok := strings.Cut(line, ":")
		f := strings.Fields(rest)
		if name = strings.TrimSpace(name); !ok || name == "lo" || len(f) < 16 {
			continue
		}
		var n [16]uint64
		for i := range n {
			n[i], _ = strconv.ParseUint(f[i], 10, 64)
		}
		list = append(list, Interface{
			Name: name, RxBytes: n[0], RxPackets: n[1], RxErrors: n[2], RxDropped: n[3],
			TxBytes: n[8], TxPackets: n[9], TxErrors: n[10], TxDropped: n[11],
		})
	}
	return list
}

// Watch gives tell statistics at once and then every interval, and each time that
// memory ran out, until the container has stopped, which is no error, or tell
// fails. ErrNotRunning: it has stopped already.
func (c *Container) Watch(interval time.Duration, tell func(*Event) error) error {
	return opError("events", c.id, c.watch(interval, tell))
}

func (c *Container) watch(interval time.Duration, tell func(*Event) error) error {
	g, err := c.alive()
	if err != nil {
		return err
	}
	pidfd, err := c.state.Pidfd()
	if errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("the container has stopped: %w", ErrNotRunning)
	}
	if err != nil {
		return err
	}
	defer sys.Close(pidfd)
	oom, err := g.WatchOOM()
	if err != nil {
		return err
	}
	if oom != nil {
		defer oom.Close()
	}
	next := time.Now()
	for {
		if now := time.Now(); !now.Before(next) {
			s, err := c.read(g)
			if errors.Is(err, fs.ErrNotExist) {
				return nil // deleted
			}
			if err == nil {
				err = tell(&Event{Type: EventStats, ID: c.id, Data: s})
			}
			if err != nil {
				return err
			}
			next = now.Add(interval)
		}
		ended, err := wait(pidfd, oom, next)
		if err != nil {
			return err
		}
		if oom != nil {
			happened, gone := oom.Happened()
			if happened {
				if err := tell(&Event{Type: EventOOM, ID: c.id}); err != nil {
					return err
				}
			}
			if gone {
				return nil
			}
		}
		if ended {
			return nil
		}
	}
}

// wait waits for one of both, or the time.
func wait(pidfd int, oom *cgroup.OOMWatch, until time.Time) (ended bool, err error) {
	fds := []unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}
	if oom != nil {
		fds = append(fds, oom.Poll())
	}
	left := max(time.Until(until), 0)
	// up to the next whole millisecond: woken before the time, the caller would only come again
	n, err := sys.Poll(fds, int(min((left+time.Millisecond-1).Milliseconds(), 1<<30)))
	if err != nil && err != unix.EINTR {
		return false, &os.SyscallError{Syscall: "poll", Err: err}
	}
	return n > 0 && fds[0].Revents != 0, nil
}
