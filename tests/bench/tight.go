package main

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// tight is limits that the process of the container fits in and that a runtime's init does not, unless it is small.
var tight = [...]struct {
	name, controller string
	limits           specs.LinuxResources
}{
	{"memory limit of 1 MiB", "memory", specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: ptr(int64(1 << 20))}}},
	{"pids limit of 1", "pids", specs.LinuxResources{Pids: &specs.LinuxPids{Limit: ptr(int64(1))}}},
}

// tightRuns is how often each limit is tried.
const tightRuns = 5

// checkTight runs a container with each of the tight limits, under every runtime. That the first one fails is an
// error, after the others had their turn.
func checkTight(list []*bench, view, payload, dir string, base *specs.Spec) (results []result, err error) {
	have := controllers(view)
	for _, t := range tight {
		if !have[t.controller] {
			continue
		}
		for i, b := range list {
			r := result{View: view, Op: t.name, Runtime: b.rt.Name, N: tightRuns}
			s := *base
			linux := *base.Linux
			linux.Resources = &t.limits
			s.Linux = &linux
			bundle := filepath.Join(dir, "tight", t.controller, b.rt.Name)
			if err := makeBundle(bundle, payload, &s, false); err != nil {
				return nil, err
			}
			for range tightRuns {
				b.n++
				if _, err := b.command("run", "--bundle", bundle, fmt.Sprintf("bench-%s-%d", b.rt.Name, b.n)); err != nil {
					r.Why = err.Error()
					b.sweep()
					break
				}
			}
			if i == 0 && r.Why != "" {
				err = errors.Join(err, fmt.Errorf("%s: %s", t.name, r.Why))
			}
			results = append(results, r)
		}
	}
	return results, err
}
