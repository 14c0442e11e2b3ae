package main

import (
	"errors"
	"io"
	"math"
	"os"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/rung-oci/rung/libcontainer"
)

// limits is the options of update, as they were given: "" is one that was not.
type limits struct {
	resources                                                                   string
	memory, reservation, swap, kernel, kernelTCP                                string
	period, quota, burst, shares, idle, rtPeriod, rtRuntime, cpus, mems, weight string
	pids, l3, bandwidth                                                         string
}

func (l *limits) flags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "resources", Aliases: []string{"r"}, Destination: &l.resources, Usage: "`file` with the JSON of linux.resources, or - for standard input; the other options override it"},
		&cli.StringFlag{Name: "blkio-weight", Destination: &l.weight, Usage: "share of block I/O, 10 to 1000"},
		&cli.StringFlag{Name: "cpu-period", Destination: &l.period, Usage: "length of the period that --cpu-quota is of, in `microseconds`"},
		&cli.StringFlag{Name: "cpu-quota", Destination: &l.quota, Usage: "`microseconds` of processor time in each period, -1 for no limit"},
		&cli.StringFlag{Name: "cpu-burst", Destination: &l.burst, Usage: "`microseconds` that may be saved up and used beyond the quota"},
		&cli.StringFlag{Name: "cpu-share", Destination: &l.shares, Usage: "share of processor time, 2 to 262144"},
		&cli.StringFlag{Name: "cpu-rt-period", Destination: &l.rtPeriod, Usage: "period of realtime scheduling in `microseconds`, on cgroup v1"},
		&cli.StringFlag{Name: "cpu-rt-runtime", Destination: &l.rtRuntime, Usage: "`microseconds` of realtime scheduling in each period, on cgroup v1"},
		&cli.StringFlag{Name: "cpu-idle", Destination: &l.idle, Usage: "1: run only when nobody else wants to, 0: as others"},
		&cli.StringFlag{Name: "cpuset-cpus", Destination: &l.cpus, Usage: "`list` of processors, like 0-3,8"},
		&cli.StringFlag{Name: "cpuset-mems", Destination: &l.mems, Usage: "`list` of memory nodes"},
		&cli.StringFlag{Name: "memory", Destination: &l.memory, Usage: "limit of memory, a `size` like 50M, -1 for none"},
		&cli.StringFlag{Name: "memory-reservation", Destination: &l.reservation, Usage: "`size` of memory to be left when it is short"},
		&cli.StringFlag{Name: "memory-swap", Destination: &l.swap, Usage: "limit of memory and swap together, a `size`, -1 for none"},
		&cli.StringFlag{Name: "kernel-memory", Destination: &l.kernel, Hidden: true, Usage: "accepted for compatibility: kernels have no such limit any more"},
		&cli.StringFlag{Name: "kernel-memory-tcp", Destination: &l.kernelTCP, Hidden: true, Usage: "limit of TCP buffers, a `size`, on cgroup v1"},
		&cli.StringFlag{Name: "pids-limit", Destination: &l.pids, Usage: "limit of processes and threads, -1 for none"},
		&cli.StringFlag{Name: "l3-cache-schema", Destination: &l.l3, Usage: "level 3 cache `schema` of resctrl"},
		&cli.StringFlag{Name: "mem-bw-schema", Destination: &l.bandwidth, Usage: "memory bandwidth `schema` of resctrl"},
	}
}

func (g *globals) updateCommand() *command {
	var l limits
	return &command{
		Command: cli.Command{
			Name:      "update",
			Usage:     "change the limits of a container",
			ArgsUsage: "<container-id>",
			Description: `Changes limits of a container that is created, running or paused. What is not given keeps its value; when
one value is refused, all are left as they were. Sizes are in bytes, or have one of the units K, M, G, T (of 1024).

EXAMPLE:
    # rung update --memory 512M --memory-swap 1G --pids-limit 100 web
    # echo '{"cpu":{"quota":50000,"period":100000}}' | rung update --resources - web`,
			Flags: l.flags(),
		},
		minArgs: 1,
		maxArgs: 1,
		action: func(args []string) error {
			o, err := l.options()
			if err != nil {
				return usageError{"update", err}
			}
			return g.on(args[0], func(ctr *libcontainer.Container) error {
				o.Warn = g.warn
				if l.resources != "" {
					if o.Resources, err = readInput(l.resources); err != nil {
						return err
					}
				}
				return ctr.Update(o)
			})
		},
	}
}

// readInput reads a file, or standard input for "-".
func readInput(name string) ([]byte, error) {
	const most = 64 << 20
	f := os.Stdin
	if name != "-" {
		var err error
		if f, err = os.Open(name); err != nil {
			return nil, err
		}
		defer f.Close()
	}
	b, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && len(b) > most {
		err = &os.PathError{Op: "read", Path: f.Name(), Err: errors.New("larger than 64 MiB")}
	}
	return b, err
}

// options turns what was given into numbers.
func (l *limits) options() (o libcontainer.UpdateOptions, err error) {
	o = libcontainer.UpdateOptions{CpusetCpus: l.cpus, CpusetMems: l.mems, L3CacheSchema: l.l3, MemBwSchema: l.bandwidth}
	if l.weight != "" {
		w, err := strconv.ParseUint(l.weight, 10, 16)
		if err != nil {
			return o, badValue("blkio-weight", errors.New(strconv.Quote(l.weight)+" is not a number from 10 to 1000"))
		}
		weight := uint16(w)
		o.BlkioWeight = &weight
	}
	for _, f := range [...]struct {
		name, text string
		to         **int64
		parse      func(string) (int64, bool)
	}{
		{"memory", l.memory, &o.Memory, parseSize}, {"memory-reservation", l.reservation, &o.MemoryReservation, parseSize},
		{"memory-swap", l.swap, &o.MemorySwap, parseSize},
		{"kernel-memory", l.kernel, &o.KernelMemory, parseSize}, {"kernel-memory-tcp", l.kernelTCP, &o.KernelMemoryTCP, parseSize},
		{"cpu-quota", l.quota, &o.CPUQuota, parseNumber}, {"cpu-idle", l.idle, &o.CPUIdle, parseNumber},
		{"cpu-rt-runtime", l.rtRuntime, &o.CPURealtimeRuntime, parseNumber}, {"pids-limit", l.pids, &o.PidsLimit, parseNumber},
	} {
		if f.text == "" {
			continue
		}
		n, ok := f.parse(f.text)
		if !ok {
			return o, badValue(f.name, errors.New(strconv.Quote(f.text)+" is not a number, or too large a one"))
		}
		*f.to = &n
	}
	for _, f := range [...]struct {
		name, text string
		to         **uint64
	}{
		{"cpu-period", l.period, &o.CPUPeriod}, {"cpu-burst", l.burst, &o.CPUBurst}, {"cpu-share", l.shares, &o.CPUShares},
		{"cpu-rt-period", l.rtPeriod, &o.CPURealtimePeriod},
	} {
		if f.text == "" {
			continue
		}
		n, err := strconv.ParseUint(f.text, 10, 64)
		if err != nil {
			return o, badValue(f.name, errors.New(strconv.Quote(f.text)+" is not a number from 0 up"))
		}
		*f.to = &n
	}
	return o, nil
}

func parseNumber(s string) (int64, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}

// parseSize reads a number of bytes: -1, 1048576, 512k, 1.5G, 50MB, 50MiB, in either case. A unit is a power of 1024.
func parseSize(s string) (int64, bool) {
	if s == "-1" {
		return -1, true
	}
	digits := strings.TrimRight(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ ")
	unit := strings.ToLower(strings.TrimSpace(s[len(digits):]))
	shift := 0
	if unit != "" && unit != "b" {
		n := strings.IndexByte("kmgtp", unit[0])
		if n < 0 || unit[1:] != "" && unit[1:] != "b" && unit[1:] != "ib" {
			return 0, false
		}
		shift = 10 * (n + 1)
	}
	if n, err := strconv.ParseUint(digits, 10, 63); err == nil {
		return int64(n << shift), n <= math.MaxInt64>>shift
	}
	if strings.Trim(digits, "0123456789.") != "" { // ParseFloat knows more than that
		return 0, false
	}
	f, err := strconv.ParseFloat(digits, 64)
	f = math.Ldexp(f, shift)
	return int64(f), err == nil && f < math.MaxInt64
}
