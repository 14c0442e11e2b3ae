package compile

import (
	"errors"
	"fmt"

	"github.com/rung-oci/rung/libcontainer/internal/landlock"
	"github.com/rung-oci/rung/libcontainer/internal/plan"
)

// landlock plans the rules that annotations ask for, and says whether there are
// any. Paths are found while the process still has the privileges of the
// container's root: a missing one is an error of create.
func (c *compiler) landlock() (restricts bool, err error) {
	p, problems := landlock.Parse(c.spec.Annotations)
	if len(problems) > 0 {
		errs := make([]error, len(problems))
		for i, q := range problems {
			errs[i] = fmt.Errorf("%s: %s", annotationPath(q.Key), q.Message)
		}
		return false, errors.Join(errs...)
	}
	if p == nil {
		return false, nil
	}
	q, lost := p.On(c.facts.Landlock)
	for _, l := range lost {
		if !p.BestEffort {
			return false, fmt.Errorf("%s: %s (%s: best-effort does without)", annotationPath(l.Key), l.Message, landlock.KeyMode)
		}
		c.warn(annotationPath(l.Key) + ": " + l.Message)
	}
	if q.Nothing() {
		return false, nil
	}
	c.emit(annotationPath(landlock.Prefix+"*"), &plan.LandlockRuleset{FS: q.FS, Net: q.Net, Scope: q.Scope})
	var flags plan.LandlockFlag
	if q.BestEffort {
		flags = plan.LandlockTry
	}
	for _, r := range q.Paths {
		c.emit(annotationPath(landlock.KeyFS), &plan.LandlockPath{Path: r.Path, Access: r.Access, FileAccess: r.Access & landlock.FileRights, Flags: flags})
	}
	for _, r := range q.Ports {
		c.emit(annotationPath(landlock.KeyNet), &plan.LandlockPort{Port: uint64(r.Port), Access: r.Access})
	}
	return true, nil
}
