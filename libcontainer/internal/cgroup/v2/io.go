package v2

import (
	"errors"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/rung-oci/rung/libcontainer/internal/cgroup/limit"
)

const noLimits = " rbps=max wbps=max riops=max wiops=max"

// io: weights are BFQ's where that is in use, in its own unit; else io.weight
// takes them, in another one.
func io(b *specs.LinuxBlockIO) ([]limit.Write, error) {
	if b == nil {
		return nil, nil
	}
	leaf := b.LeafWeight != nil && *b.LeafWeight != 0
	for i := range b.WeightDevice {
		w := b.WeightDevice[i].LeafWeight
		leaf = leaf || w != nil && *w != 0
	}
	if leaf {
		return nil, errors.New(limit.Resources + "blockIO: cgroup v2 has no leafWeight")
	}
	const origin = limit.Resources + "blockIO."
	var list []limit.Write
	if b.Weight != nil && *b.Weight != 0 {
		list = append(list, weight("", *b.Weight, origin+"weight"))
	}
	for i, d := range b.WeightDevice {
		if d.Weight != nil && *d.Weight != 0 {
			list = append(list, weight(limit.Device(d.Major, d.Minor), *d.Weight, limit.At(origin+"weightDevice", i)))
		}
	}
	for _, t := range [...]struct {
		word, field string
		list        []specs.LinuxThrottleDevice
	}{
		{"rbps", "throttleReadBpsDevice", b.ThrottleReadBpsDevice}, {"wbps", "throttleWriteBpsDevice", b.ThrottleWriteBpsDevice},
		{"riops", "throttleReadIOPSDevice", b.ThrottleReadIOPSDevice}, {"wiops", "throttleWriteIOPSDevice", b.ThrottleWriteIOPSDevice},
	} {
		for i, d := range t.list {
			rate := "max" // 0 takes a limit away on v1; v2 has a word for it
			if d.Rate != 0 {
				rate = limit.Uint(d.Rate)
			}
			key := limit.Device(d.Major, d.Minor)
			list = append(list, limit.Write{
				Controller: "io", File: "io.max", Value: key + " " + t.word + "=" + rate, Origin: limit.At(origin+t.field, i), Key: key, Reset: key + noLimits,
			})
		}
	}
	return list, nil
}

func weight(key string, w uint16, origin string) limit.Write {
	bfq := limit.Write{Controller: "io", File: "io.bfq.weight", Value: limit.Uint(uint64(w)), Origin: origin}
	other := limit.Write{Controller: "io", File: "io.weight", Value: limit.Uint(ioWeight(w)), Origin: origin}
	if key != "" {
		bfq.Key, bfq.Reset, bfq.Value = key, key+" default", key+" "+bfq.Value
		other.Key, other.Reset, other.Value = key, key+" default", key+" "+other.Value
	}
	bfq.Else = &other
	return bfq
}

// ioWeight stretches 10…1000 of the config to 1…10000 of io.weight.
func ioWeight(w uint16) uint64 {
	if w < 10 {
		return 1
	}
	return min(1+(uint64(w)-10)*9999/990, 10000)
}
