package compile

import (
	"errors"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/rung-oci/rung/libcontainer/internal/plan"
)

var errRootlessDevices = errors.New("linux.netDevices: network devices cannot be moved by a rootless runtime: it has no CAP_NET_ADMIN over the network namespace that they are in")

// netDevices gives the devices to move in the order of their names.
func netDevices(devices map[string]specs.LinuxNetDevice) []plan.NetDevice {
	list := make([]plan.NetDevice, 0, len(devices))
	for name, d := range devices {
		as := d.Name
		if as == "" {
			as = name
		}
		list = append(list, plan.NetDevice{Name: name, As: as})
	}
	slices.SortFunc(list, func(a, b plan.NetDevice) int { return strings.Compare(a.Name, b.Name) })
	return list
}
