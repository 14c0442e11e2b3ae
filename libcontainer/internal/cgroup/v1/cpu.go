package v1

import (
	"fmt"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/rung-oci/rung/libcontainer/internal/cgroup/limit"
)

// The kernel cuts cpu.shares to these without a word (MIN_SHARES, MAX_SHARES).
const (
	minShares = 2
	maxShares = 1 << 18
)

// cpu: the quotient of quota and period may not exceed the parent's at any
// moment, and burst not the quota, so the order depends on what is there.
func cpu(c *specs.LinuxCPU) ([]limit.Write, error) {
	if c == nil {
		return nil, nil
	}
	var list []limit.Write
	add := func(subject, file, value, field string) {
		list = append(list, limit.Write{Controller: "cpu", File: file, Value: value, Origin: limit.Resources + "cpu." + field, Subject: subject})
	}
	idle := c.Idle != nil && *c.Idle == 1
	if c.Shares != nil && *c.Shares != 0 && !idle { // an idle group has no weight, and refuses one
		switch {
		case *c.Shares < minShares:
			return nil, fmt.Errorf("%scpu.shares: %d: the minimum allowed cpu-shares is %d", limit.Resources, *c.Shares, minShares)
		case *c.Shares > maxShares:
			return nil, fmt.Errorf("%scpu.shares: %d: the maximum allowed cpu-shares is %d", limit.Resources, *c.Shares, maxShares)
		}
		add(limit.SubjectCPUWeight, "cpu.shares", limit.Uint(*c.Shares), "shares")
	}
	if c.Idle != nil {
		add(limit.SubjectCPUWeight, "cpu.idle", limit.Int(*c.Idle), "idle")
		list[len(list)-1].Changes = "cpu.shares"
	}
	if c.Period != nil && *c.Period != 0 {
		add(limit.SubjectBandwidth, "cpu.cfs_period_us", limit.Uint(*c.Period), "period")
	}
	if c.Quota != nil && *c.Quota != 0 {
		add(limit.SubjectBandwidth, "cpu.cfs_quota_us", limit.Int(*c.Quota), "quota")
	}
	if c.Burst != nil {
		add(limit.SubjectBandwidth, "cpu.cfs_burst_us", limit.Uint(*c.Burst), "burst")
	}
	if c.RealtimePeriod != nil && *c.RealtimePeriod != 0 {
		add(limit.SubjectRealtime, "cpu.rt_period_us", limit.Uint(*c.RealtimePeriod), "realtimePeriod")
	}
	if c.RealtimeRuntime != nil && *c.RealtimeRuntime != 0 {
		add(limit.SubjectRealtime, "cpu.rt_runtime_us", limit.Int(*c.RealtimeRuntime), "realtimeRuntime")
	}
	return list, nil
}
