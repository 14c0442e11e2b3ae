package libcontainer

import (
	"errors"
	"fmt"
	"os"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/rung-oci/rung/libcontainer/internal/cgroup"
	"github.com/rung-oci/rung/libcontainer/internal/compile"
	"github.com/rung-oci/rung/libcontainer/internal/hooks"
	"github.com/rung-oci/rung/libcontainer/internal/plan"
	"github.com/rung-oci/rung/libcontainer/internal/runtime"
	"github.com/rung-oci/rung/libcontainer/internal/state"
	"github.com/rung-oci/rung/libcontainer/internal/sys"
)

// startHooks runs startContainer hooks: programs of the container, under all
// that confines its process (config.md, Hooks).
func (c *Container) startHooks(e *state.Entry, s *specs.Spec, pidfd int) error {
	if s.Process == nil {
		return fmt.Errorf("%s/config.json is damaged: process is missing", e.Dir())
	}
	filter, err := compileFilter(s)
	if err != nil {
		return err
	}
	p := &prepared{opt: &CreateOptions{ID: c.id, Trace: c.Trace}, spec: s, signals: c.signals}
	p.facts.Rootless, p.facts.Unprivileged, p.facts.CannotTrace = c.state.Rootless, os.Geteuid() != 0, cannotTrace()
	kernelFacts(&p.facts, s, s.Process)
	p.copts = compile.Options{ID: c.id, Bundle: c.state.Bundle, Filter: filter}
	held, err := c.askNamespaces(e)
	if err != nil {
		return err
	}
	defer runtime.CloseHeld(held)
	return runStartHooks(p, c.group(), c.state, compile.Hooks(s.Hooks.StartContainer), pidfd, held)
}

// runStartHooks runs them in the namespaces and the control group of the init
// behind pidfd, which may have handed over its namespaces.
func runStartHooks(p *prepared, g *cgroup.Group, s *state.State, list []plan.Hook, pidfd int, held []runtime.HeldNamespace) error {
	o := p.copts
	o.Cgroups, o.InitPid = nil, s.Pid
	cgroupFD := -1
	if g != nil {
		for _, d := range g.Dirs() {
			o.Cgroups = append(o.Cgroups, compile.CgroupDir{Dir: d.Path, V2: d.V2, Join: !d.V2})
		}
		cgroupFD = g.SpawnFD()
	}
	exe, err := runtime.OpenExecutable(p.opt.Trace, p.signals)
	if err != nil {
		return err
	}
	defer exe.Close()
	files := map[plan.FD]int{plan.FDFirst: pidfd}
	if compile.NeedsRoot(p.spec) {
		root, err := openRoot(s.Pid, held)
		if err != nil {
			return err
		}
		defer sys.Close(root)
		files[plan.FDFirst+1] = root
	}
	o.Namespaces = handedOver(files, held)
	st := hooks.StateJSON(s.OCIVersion, s.ID, state.Created, s.Pid, s.Bundle, s.Annotations)
	stdout, stderr := compile.HookOutput(s.Annotations, s.Bundle)
	_, err = hooks.Run("startContainer", list, st, hooks.Options{
		Stdout: stdout, Stderr: stderr, Trace: p.opt.Trace, Signals: p.signals,
		Spawn: func(h plan.Hook, stdio [3]*os.File) (hooks.Spawned, error) {
			prog, err := compile.ContainerHook(p.spec, o, p.facts, h)
			if err != nil {
				return hooks.Spawned{}, err
			}
			pr, err := runtime.Enter(exe, prog, files, cgroupFD, stdio, hookListener(p.spec, s))
			if err != nil {
				return hooks.Spawned{}, err
			}
			return hooks.Spawned{Wait: pr.Wait, Kill: pr.Kill, Pidfd: pr.Pidfd()}, nil
		},
	})
	return err
}

// hookListener hands the listener of a hook's filter to the profile's agent.
func hookListener(sp *specs.Spec, s *state.State) func(listener, pid int) error {
	if sp.Linux == nil || sp.Linux.Seccomp == nil || sp.Linux.Seccomp.ListenerPath == "" {
		return nil
	}
	n := plan.Notify{Path: sp.Linux.Seccomp.ListenerPath, Metadata: sp.Linux.Seccomp.ListenerMetadata}
	return func(listener, pid int) error { return sendListener(s, state.Created, listener, n, pid) }
}

// hookOptions are the options of hooks that run in the runtime's own namespaces.
func (c *Container) hookOptions() hooks.Options {
	stdout, stderr := compile.HookOutput(c.state.Annotations, c.state.Bundle)
	return hooks.Options{Dir: c.state.Bundle, Env: os.Environ(), Stdout: stdout, Stderr: stderr, Trace: c.Trace, Signals: c.signals}
}

// poststart runs the hooks that follow the start and precede its return (config.md, Poststart).
func (c *Container) poststart(s *specs.Spec) error {
	st := hooks.StateJSON(c.state.OCIVersion, c.id, state.Running, c.state.Pid, c.state.Bundle, c.state.Annotations)
	_, err := hooks.Run("poststart", compile.Hooks(s.Hooks.Poststart), st, c.hookOptions())
	return err
}

// undoFailed ends the lifecycle of a container whose startContainer or poststart hook failed with
// err: "the runtime MUST generate an error, stop the container, and continue the lifecycle at step
// 12" (runtime.md, Lifecycle, steps 7 and 9). Step 12 destroys the container, step 13 runs its
// poststop hooks. After a signal that asks for an end the container is only stopped. The error is
// err, and why the container could not be destroyed.
func (c *Container) undoFailed(e *state.Entry, err error) error {
	if _, ok := InterruptedBy(err); ok {
		c.endFailed(e)
		return err
	}
	c.signals.Forget()
	return errors.Join(err, c.destroy(e, true, nil))
}

// poststop hooks run after the container is deleted and before delete returns.
// "If any poststop hook fails, the runtime MUST log a warning, but the remaining
// hooks and lifecycle continue as if the hook had succeeded" (runtime.md,
// Lifecycle): the error is the warning's text.
func (c *Container) poststop(e *state.Entry) error {
	s, err := c.config(e)
	if err != nil {
		return err
	}
	st := hooks.StateJSON(c.state.OCIVersion, c.id, state.Stopped, 0, c.state.Bundle, c.state.Annotations)
	_, err = hooks.RunAll("poststop", compile.Hooks(s.Hooks.Poststop), st, c.hookOptions())
	return err
}
