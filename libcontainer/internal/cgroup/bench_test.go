package cgroup

import (
	"testing"
	"time"

	"github.com/rung-oci/rung/libcontainer/internal/plan"
	"golang.org/x/sys/unix"
)

func usual() []plan.DeviceRule {
	r := []plan.DeviceRule{
		{Allow: true, Type: 'c', Major: plan.AnyDevice, Minor: plan.AnyDevice, Access: plan.DeviceMknod},
		{Allow: true, Type: 'b', Major: plan.AnyDevice, Minor: plan.AnyDevice, Access: plan.DeviceMknod},
		{Allow: true, Type: 'c', Major: 136, Minor: plan.AnyDevice, Access: plan.DeviceAll},
	}
	for _, n := range [][2]int64{{1, 3}, {1, 5}, {1, 7}, {1, 8}, {1, 9}, {5, 0}, {5, 1}, {5, 2}} {
		r = append(r, plan.DeviceRule{Allow: true, Type: 'c', Major: n[0], Minor: n[1], Access: plan.DeviceAll})
	}
	return r
}

// BenchmarkGroup is what create and delete do for a container without limits.
func BenchmarkGroup(b *testing.B) {
	for _, where := range []string{"host", "v2"} {
		b.Run(where, func(b *testing.B) {
			if where == "v2" {
				onlyV2(b)
			}
			keep := testGroup(b) // holds the directory above
			if err := keep.Create(); err != nil {
				b.Fatal(err)
			}
			r := usual()
			var create, apply, remove time.Duration
			for b.Loop() {
				g := &Group{dirs: append([]Dir(nil), keep.dirs...), spawn: -1}
				for i := range g.dirs {
					g.dirs[i].Path += "2"
				}
				t0 := time.Now()
				if err := g.Create(); err != nil {
					b.Fatal(err)
				}
				t1 := time.Now()
				if err := g.Devices(r); err != nil {
					b.Fatal(err)
				}
				t2 := time.Now()
				if err := g.Delete(); err != nil {
					b.Fatal(err)
				}
				create, apply, remove = create+t1.Sub(t0), apply+t2.Sub(t1), remove+time.Since(t2)
			}
			n := float64(b.N) * 1000
			b.ReportMetric(float64(create.Nanoseconds())/n, "create-µs")
			b.ReportMetric(float64(apply.Nanoseconds())/n, "apply-µs")
			b.ReportMetric(float64(remove.Nanoseconds())/n, "delete-µs")
		})
	}
}

func BenchmarkFrozen(b *testing.B) {
	g := testGroup(b)
	if err := g.Create(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if g.Frozen() {
			b.Fatal(unix.EBUSY)
		}
	}
}
