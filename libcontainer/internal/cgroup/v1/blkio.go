package v1

import (
	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/rung-oci/rung/libcontainer/internal/cgroup/limit"
)

// blkio: weights are BFQ's. The leaf weights were those of CFQ, which went with
// Linux 5.0; a config that wants them gets the kernel's error.
func blkio(b *specs.LinuxBlockIO) []limit.Write {
	if b == nil {
		return nil
	}
	const origin = limit.Resources + "blockIO."
	var list []limit.Write
	add := func(file, value, field string) {
		list = append(list, limit.Write{Controller: "blkio", File: file, Value: value, Origin: origin + field})
	}
	keyed := func(file, key, value, field string, i int) {
		list = append(list, limit.Write{
			Controller: "blkio", File: file, Value: key + " " + value, Origin: limit.At(origin+field, i), Key: key, Reset: key + " 0",
		})
	}
	if b.Weight != nil && *b.Weight != 0 {
		add("blkio.bfq.weight", limit.Uint(uint64(*b.Weight)), "weight")
	}
	if b.LeafWeight != nil && *b.LeafWeight != 0 {
		add("blkio.leaf_weight", limit.Uint(uint64(*b.LeafWeight)), "leafWeight")
	}
	for i, d := range b.WeightDevice {
		key := limit.Device(d.Major, d.Minor)
		if d.Weight != nil && *d.Weight != 0 {
			keyed("blkio.bfq.weight_device", key, limit.Uint(uint64(*d.Weight)), "weightDevice", i)
		}
		if d.LeafWeight != nil && *d.LeafWeight != 0 {
			keyed("blkio.leaf_weight_device", key, limit.Uint(uint64(*d.LeafWeight)), "weightDevice", i)
		}
	}
	for _, t := range [...]struct {
		file, field string
		list        []specs.LinuxThrottleDevice
	}{
		{"blkio.throttle.read_bps_device", "throttleReadBpsDevice", b.ThrottleReadBpsDevice},
		{"blkio.throttle.write_bps_device", "throttleWriteBpsDevice", b.ThrottleWriteBpsDevice},
		{"blkio.throttle.read_iops_device", "throttleReadIOPSDevice", b.ThrottleReadIOPSDevice},
		{"blkio.throttle.write_iops_device", "throttleWriteIOPSDevice", b.ThrottleWriteIOPSDevice},
	} {
		for i, d := range t.list {
			keyed(t.file, limit.Device(d.Major, d.Minor), limit.Uint(d.Rate), t.field, i)
		}
	}
	return list
}
