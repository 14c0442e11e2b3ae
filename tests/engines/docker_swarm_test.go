package engines

import (
	"strings"
	"testing"
)

// TestDocker_swarm is a service of many tasks: made, updated task by task, scaled, and mended when a task is killed.
func TestDocker_swarm(t *testing.T) {
	d := startSecond(t, "swarm")
	d.must(t, "swarm", "init", "--advertise-addr=127.0.0.1", "--listen-addr=127.0.0.1:2377")
	t.Cleanup(func() { d.must(t, "swarm", "leave", "--force") })
	events := d.events(t, "type=container")
	running := func(env string) int {
		n := 0
		for id := range strings.FieldsSeq(d.must(t, "ps", "-q", "--filter=label=com.docker.swarm.service.name=rungs")) {
			if out, status := d.try(t, nil, "inspect", "-f", "{{.State.Running}} {{.Config.Env}}", id); status == 0 && strings.HasPrefix(out, "true") && strings.Contains(out, env) {
				n++
			}
		}
		return n
	}
	d.must(t, "service", "create", "--detach", "--name=rungs", "--replicas=3", "--network=host", "--no-resolve-image", "--env=STEP=1", "--limit-pids=50",
		"--update-parallelism=2", "--update-order=start-first", "--stop-grace-period=20s", "t", "sh", "-c", "trap 'exit 0' TERM; while :; do sleep 1000 & wait; done")
	until(t, events, "three tasks", func() bool { return running("STEP=1") == 3 })
	d.must(t, "service", "scale", "--detach", "rungs=20")
	until(t, events, "twenty tasks", func() bool { return running("STEP=1") == 20 })
	d.must(t, "service", "update", "--detach", "--no-resolve-image", "--env-add=STEP=2", "rungs")
	until(t, events, "twenty updated tasks and no old one", func() bool { return running("STEP=2") == 20 && running("STEP=1") == 0 })
	victim := strings.Fields(d.must(t, "ps", "-q", "--filter=label=com.docker.swarm.service.name=rungs"))[0]
	d.must(t, "kill", victim)
	until(t, events, "another task in the killed one's place", func() bool {
		return running("STEP=2") == 20 && !strings.Contains(d.must(t, "ps", "-q"), victim)
	})
	d.must(t, "service", "rm", "rungs")
	until(t, d.events(t, "type=container"), "no task", func() bool { return d.must(t, "ps", "-aq") == "" })
	wantNoGroups(t)
}
