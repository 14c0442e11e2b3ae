package compile

import (
	"path"
	"slices"

	"github.com/rung-oci/rung/libcontainer/internal/annotation"
	"github.com/rung-oci/rung/libcontainer/internal/plan"
)

// keepGroups is set for a container that keeps the supplementary groups of whoever
// runs the runtime: a rootless user's way to files of his groups.
func (c *compiler) keepGroups() plan.GroupFlag {
	if _, ok := c.spec.Annotations[annotation.KeepGroups]; ok {
		return plan.GroupKeep
	}
	return 0
}

// coreSchedule gives the process the container's core scheduling cookie
// (Documentation/admin-guide/hw-vuln/core-scheduling.rst): that of its init, or a
// new one for the init itself, from == 0.
func (c *compiler) coreSchedule(from int) {
	if c.spec.Annotations[annotation.CoreScheduling] == "true" {
		c.emit(annotationPath(annotation.CoreScheduling), &plan.CoreSchedule{From: uint64(from)})
	}
}

// noHugePages keeps transparent huge pages from the process: its memory is then what it touched, in small pages.
func (c *compiler) noHugePages() {
	if c.spec.Annotations[annotation.NoHugePages] == "true" {
		c.emit(annotationPath(annotation.NoHugePages), &plan.NoHugePages{})
	}
}

// HookOutput gives the files that hooks append their output to, empty for none.
func HookOutput(annotations map[string]string, bundle string) (stdout, stderr string) {
	file := func(key string) string {
		p := annotations[key]
		if p != "" && !path.IsAbs(p) {
			p = path.Join(bundle, p)
		}
		return p
	}
	return file(annotation.HooksStdout), file(annotation.HooksStderr)
}

// unsupportedAnnotations warns of what an annotation asks of another runtime.
func (c *compiler) unsupportedAnnotations() {
	n := len(c.warnings)
	for k := range c.spec.Annotations {
		if annotation.Unsupported(k) {
			c.warn(annotationPath(k) + ": is another runtime's, and has no effect")
		}
	}
	slices.Sort(c.warnings[n:])
}

func annotationPath(key string) string { return `annotations["` + key + `"]` }
