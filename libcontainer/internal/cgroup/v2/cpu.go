package v2

import (
	"fmt"
	"math"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/rung-oci/rung/libcontainer/internal/cgroup/limit"
)

// cpu: cpu.max holds quota and period in one line; a value that is left out stays
// as it is. Realtime limits have no file on v2.
func cpu(c *specs.LinuxCPU) ([]limit.Write, error) {
	if c == nil {
		return nil, nil
	}
	if c.RealtimeRuntime != nil && *c.RealtimeRuntime != 0 || c.RealtimePeriod != nil && *c.RealtimePeriod != 0 {
		return nil, fmt.Errorf("%scpu.realtimeRuntime: cgroup v2 has no limits of realtime scheduling", limit.Resources)
	}
	var list []limit.Write
	add := func(subject, file, value, field string) {
		list = append(list, limit.Write{Controller: "cpu", File: file, Value: value, Origin: limit.Resources + "cpu." + field, Subject: subject})
	}
	idle := c.Idle != nil && *c.Idle == 1
	if c.Shares != nil && *c.Shares != 0 && !idle { // an idle group has no weight, and refuses one
		add(limit.SubjectCPUWeight, "cpu.weight", limit.Uint(Weight(*c.Shares)), "shares")
	}
	if c.Idle != nil {
		add(limit.SubjectCPUWeight, "cpu.idle", limit.Int(*c.Idle), "idle")
		list[len(list)-1].Changes = "cpu.weight"
	}
	quota, period := c.Quota != nil && *c.Quota != 0, c.Period != nil && *c.Period != 0
	switch {
	case quota:
		value := "max"
		if *c.Quota > 0 {
			value = limit.Int(*c.Quota)
		}
		if period {
			value += " " + limit.Uint(*c.Period)
		}
		add(limit.SubjectBandwidth, "cpu.max", value, "quota")
	case period:
		add(limit.SubjectBandwidth, "cpu.max", limit.Uint(*c.Period), "period")
		list[len(list)-1].KeepFirst = true
	}
	if c.Burst != nil {
		add(limit.SubjectBandwidth, "cpu.max.burst", limit.Uint(*c.Burst), "burst")
	}
	return list, nil
}

// Weight turns the shares of v1 (2 to 262144, by default 1024) into the weight of
// v2 (1 to 10000, by default 100), by the formula that runtimes agree on: both
// ends and both defaults meet.
func Weight(shares uint64) uint64 {
	switch {
	case shares == 0:
		return 0
	case shares <= 2:
		return 1
	case shares >= 1<<18:
		return 10000
	}
	l := math.Log2(float64(shares))
	return uint64(math.Pow(10, (l*l+125*l)/612-7.0/34) + 0.99)
}
