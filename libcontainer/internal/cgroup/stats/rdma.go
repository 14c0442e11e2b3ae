package stats

import "slices"

// RDMAEntry is one device's handles and objects. A limit that is not set is
// 4294967295.
type RDMAEntry struct {
	Device           string
	Handles, Objects uint32
}

// RDMA is the limits, and what is in use (cgroup-v1/rdma.rst; the same on v2).
type RDMA struct{ Limit, Current []RDMAEntry }

// RDMAOf reads the controller.
func RDMAOf(d *Dir) RDMA {
	return RDMA{Limit: rdmaEntries(d.read("rdma.max")), Current: rdmaEntries(d.read("rdma.current"))}
}

func rdmaEntries(text string) []RDMAEntry {
	var out []RDMAEntry
	nested(text, func(device, sub, value string) {
		i := slices.IndexFunc(out, func(e RDMAEntry) bool { return e.Device == device })
		if i < 0 {
			i, out = len(out), append(out, RDMAEntry{Device: device})
		}
		n := uint32(min(parse(value), 1<<32-1))
		switch sub {
		case "hca_handle":
			out[i].Handles = n
		case "hca_object":
			out[i].Objects = n
		}
	})
	return out
}
