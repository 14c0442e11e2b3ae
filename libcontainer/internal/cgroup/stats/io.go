package stats

import "strings"

// IOEntry is a count of one device and kind of operation: Read, Write, Sync,
// Async, Discard, Total, or "" where kinds are not told apart.
type IOEntry struct {
	Major, Minor uint64
	Op           string
	Value        uint64
}

// IO is the traffic with block devices, that of groups below included.
type IO struct {
	Bytes    []IOEntry // IoServiceBytesRecursive
	Serviced []IOEntry // operations
	Queued   []IOEntry // the rest is BFQ's on v1, with CONFIG_BFQ_CGROUP_DEBUG: operations waiting,
	Service  []IOEntry // nanoseconds at the device,
	Wait     []IOEntry // nanoseconds in the queue,
	Merged   []IOEntry
	Time     []IOEntry // milliseconds
	Sectors  []IOEntry
	PSI      *PSI
}

// IOV1 reads the v1 controller (cgroup-v1/blkio-controller.rst): what BFQ has
// counted, where that serves any device, else what went through the throttle.
func IOV1(d *Dir) IO {
	const bfq = "blkio.bfq."
	io := IO{Bytes: entries(d.read(bfq + "io_service_bytes_recursive")), Serviced: entries(d.read(bfq + "io_serviced_recursive"))}
	if len(io.Serviced) == 0 {
		const throttle = "blkio.throttle."
		return IO{Bytes: entries(d.read(throttle + "io_service_bytes_recursive")), Serviced: entries(d.read(throttle + "io_serviced_recursive"))}
	}
	io.Queued = entries(d.read(bfq + "io_queued_recursive"))
	io.Service = entries(d.read(bfq + "io_service_time_recursive"))
	io.Wait = entries(d.read(bfq + "io_wait_time_recursive"))
	io.Merged = entries(d.read(bfq + "io_merged_recursive"))
	io.Time = entries(d.read(bfq + "time_recursive"))
	io.Sectors = entries(d.read(bfq + "sectors_recursive"))
	return io
}

// entries reads lines of "8:0 Read 4096" or "8:0 4096". The last line, "Total
// 4096", is of all devices.
func entries(text string) []IOEntry {
	var out []IOEntry
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		major, minor, ok := strings.Cut(f[0], ":")
		if !ok {
			continue
		}
		e := IOEntry{Major: parse(major), Minor: parse(minor), Value: parse(f[len(f)-1])}
		if len(f) == 3 {
			e.Op = f[1]
		}
		out = append(out, e)
	}
	return out
}

// IOV2 reads io.stat and io.pressure (cgroup-v2.rst, IO Interface Files), and
// puts the numbers where v1 has them.
func IOV2(d *Dir) IO {
	io := IO{PSI: d.Pressure("io")}
	nested(d.read("io.stat"), func(key, sub, value string) {
		to, op := &io.Bytes, ""
		switch sub {
		case "rbytes":
			op = "Read"
		case "wbytes":
			op = "Write"
		case "dbytes":
			op = "Discard"
		case "rios":
			to, op = &io.Serviced, "Read"
		case "wios":
			to, op = &io.Serviced, "Write"
		case "dios":
			to, op = &io.Serviced, "Discard"
		default:
			return // of io.cost and io.latency, which v1 has nothing for
		}
		major, minor, ok := strings.Cut(key, ":")
		if ok {
			*to = append(*to, IOEntry{Major: parse(major), Minor: parse(minor), Op: op, Value: parse(value)})
		}
	})
	return io
}
