package runtime

import (
	"errors"

	"github.com/rung-oci/rung/libcontainer/internal/netdev"
	"github.com/rung-oci/rung/libcontainer/internal/plan"
	"github.com/rung-oci/rung/libcontainer/internal/sys"
	"golang.org/x/sys/unix"
)

// movedDevices keeps the container's network namespace, and with it the devices
// in it, alive until nothing has to be taken back any more.
type movedDevices struct {
	moved *netdev.Moved
	netns int
}

func (d *movedDevices) close() {
	if d.moved != nil {
		d.moved.Close()
		sys.Close(d.netns)
		d.moved = nil
	}
}

// moveDevices moves network devices into the namespace that the init stands in.
func (x *executor) moveDevices(a plan.MoveDevices) error {
	netns, err := netdev.OfProcess(x.init.Pid)
	if err != nil {
		return err
	}
	list := make([]netdev.Device, len(a.Devices))
	for i, d := range a.Devices {
		list[i] = netdev.Device{Name: d.Name, As: d.As}
	}
	m, err := netdev.Move(netns, list, x.side.Warn)
	if err != nil {
		sys.Close(netns)
		return deviceError(err)
	}
	x.devices = movedDevices{m, netns}
	x.undo.Push("network devices", m.Back)
	return nil
}

// deviceError puts an error about a device into the form of the other steps.
func deviceError(err error) error {
	var e *netdev.Error
	if !errors.As(err, &e) || err != error(e) {
		return err // more than one: something could not be put back
	}
	step := &StepError{Origin: e.Path(), Step: plan.LabelOf(plan.MoveDevices{}), What: e.What, Err: err}
	var errno unix.Errno
	if errors.As(e.Err, &errno) {
		step.Errno, step.Err = errno, nil
		step.Detail = e.Detail()
	}
	return step
}
