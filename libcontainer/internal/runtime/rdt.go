package runtime

import (
	"errors"

	"github.com/rung-oci/rung/libcontainer/internal/plan"
	"github.com/rung-oci/rung/libcontainer/internal/rdt"
)

// rdtGroup makes the class that the init will join.
func (x *executor) rdtGroup(a plan.RdtGroup) error {
	g := rdt.Group{Root: a.Root, Class: a.Class, Own: a.Own, Monitor: a.Monitor, L3CacheSchema: a.L3, MemBwSchema: a.MB, Schemata: a.Lines}
	remove, err := g.Make()
	if err != nil {
		var e *rdt.Error
		if !errors.As(err, &e) || err != error(e) {
			return err
		}
		step := &StepError{Origin: e.Field, Step: plan.LabelOf(a), What: e.What, Detail: e.Detail, Err: e.Err}
		if errors.As(e.Err, &step.Errno) {
			step.Err = nil
		}
		return step
	}
	x.undo.Push("class of service", remove)
	return nil
}
