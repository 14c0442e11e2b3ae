package engines

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

type m = map[string]any

// kubelet does what a kubelet does, through tests/engines/cri.
type kubelet struct {
	client
	pod       m // the config of its pod
	podID     string
	directory string
}

// call calls a method of the CRI, and gives its answer.
func (k *kubelet) call(t *testing.T, method string, request m) m {
	t.Helper()
	b, err := json.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	var answer m
	if err := json.Unmarshal([]byte(k.must(t, "call", method, string(b))), &answer); err != nil {
		t.Fatal(err)
	}
	return answer
}

// at follows names into an answer.
func at(t *testing.T, answer m, names ...string) any {
	t.Helper()
	var v any = answer
	for _, n := range names {
		in, ok := v.(m)
		if !ok {
			t.Fatalf("no %s in %v", n, v)
		}
		v = in[n]
	}
	return v
}

func word(t *testing.T, answer m, names ...string) string {
	t.Helper()
	s, ok := at(t, answer, names...).(string)
	if !ok {
		t.Fatalf("%s is %v", strings.Join(names, "."), at(t, answer, names...))
	}
	return s
}

// container makes and starts one in the pod.
func (k *kubelet) container(t *testing.T, name string, more m, command ...string) string {
	t.Helper()
	config := m{
		"metadata": m{"name": name}, "image": m{"image": imageName}, "command": command, "log_path": name + ".log",
		"linux": m{"security_context": m{"namespace_options": m{"pid": "POD"}}},
	}
	for key, v := range more {
		config[key] = v
	}
	id := word(t, k.call(t, "CreateContainer", m{"pod_sandbox_id": k.podID, "config": config, "sandbox_config": k.pod}), "containerId")
	k.call(t, "StartContainer", m{"container_id": id})
	return id
}

// state waits until the container has it.
func (k *kubelet) wait(t *testing.T, id, state string) m {
	t.Helper()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for limit := time.After(patience); ; {
		answer := k.call(t, "ContainerStatus", m{"container_id": id})
		if word(t, answer, "status", "state") == state {
			return answer
		}
		select {
		case <-limit:
			t.Fatalf("%s: not %s: %v", id, state, answer)
		case <-again.C:
		}
	}
}

// TestContainerd_cri is Kubernetes without its brain: a pod of the runtime class rung, two containers that share its
// namespaces, and all that kubectl lets one do to them.
func TestContainerd_cri(t *testing.T) {
	c := newContainerd(t, "k8s.io")
	need(t, "iptables", "/usr/lib/cni/bridge")
	if len(hierarchiesWith("cpu")) == 0 {
		t.Skip("containerd always sets a weight of the processor, which this host does not have")
	}
	program, err := criOnce()
	if err != nil {
		t.Fatal(err)
	}
	k := &kubelet{client: client{command: []string{program}}, directory: newDir(t, "logs")}
	wantEqual(t, "engine", word(t, k.call(t, "Version", m{}), "runtimeName"), "containerd")
	k.pod = m{
		"metadata": m{"name": "pod", "namespace": "default", "uid": "uid-1"}, "hostname": "podded", "log_directory": k.directory,
		"port_mappings": []m{{"container_port": 80, "host_port": 18095, "host_ip": "127.0.0.1"}},
		"linux":         m{"cgroup_parent": "/kubepods/pod1", "security_context": m{"namespace_options": m{"pid": "POD"}}, "sysctls": m{"net.ipv4.ip_unprivileged_port_start": "80"}},
	}
	k.podID = word(t, k.call(t, "RunPodSandbox", m{"config": k.pod, "runtime_handler": "rung"}), "podSandboxId")
	stopped := false
	stop := func() {
		if !stopped {
			k.call(t, "StopPodSandbox", m{"pod_sandbox_id": k.podID})
			k.call(t, "RemovePodSandbox", m{"pod_sandbox_id": k.podID})
			stopped = true
		}
	}
	t.Cleanup(stop)
	status := k.call(t, "PodSandboxStatus", m{"pod_sandbox_id": k.podID, "verbose": true})
	wantEqual(t, "handler", word(t, status, "status", "runtimeHandler"), "rung")
	wantParts(t, "the runtime of the pod", word(t, status, "info", "info"), `"runtimeType":"io.containerd.runc.v2"`, runtimePath)
	address := word(t, status, "status", "network", "ip")

	web := k.container(t, "web", m{"linux": m{
		"resources":        m{"cpu_period": 100000, "cpu_quota": 50000, "cpu_shares": 512, "memory_limit_in_bytes": 67108864, "oom_score_adj": 500},
		"security_context": m{"namespace_options": m{"pid": "POD"}, "run_as_user": m{"value": 1000}, "readonly_rootfs": true, "no_new_privs": true, "seccomp": m{"profile_type": "RuntimeDefault"}, "capabilities": m{"drop_capabilities": []string{"ALL"}}},
	}}, "server", "-say=pod")
	other := k.container(t, "other", m{"stdin": true}, "sh", "-c", "trap 'exit 4' TERM; while read x; do echo read $x; done; while :; do sleep 1000 & wait; done")

	t.Run("shared namespaces", func(t *testing.T) {
		out := k.must(t, "exec", other, "sh", "-c", "server -get=http://127.0.0.1/; hostname; ps; for n in net ipc uts pid; do [ $(readlink /proc/1/ns/$n) = $(readlink /proc/self/ns/$n) ] && echo same $n; done")
		wantParts(t, "seen by the other container", out, "pod from podded /", "sleep 1000000", "server -say=pod", "same net", "same ipc", "same uts", "same pid")
	})
	t.Run("network", func(t *testing.T) {
		if got, err := get("http://" + address + "/direct"); err != nil || got != "pod from podded /direct\n" {
			t.Errorf("%q, %v", got, err)
		}
		out := k.mustRead(t, strings.NewReader("GET /forwarded HTTP/1.0\r\n\r\n"), "forward", k.podID, "80")
		wantParts(t, "forwarded port", out, "200 OK", "pod from podded /forwarded")
	})
	t.Run("security", func(t *testing.T) {
		out := k.must(t, "exec", web, "sh", "-c", "id -u; grep -E 'CapEff|NoNewPrivs|Seccomp:' /proc/self/status; touch /x 2>&1; cat /proc/self/oom_score_adj")
		wantParts(t, "web", out, "1000\n", "CapEff:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2", "Read-only file system", "\n500")
	})
	t.Run("exec", func(t *testing.T) {
		if out, status := k.try(t, strings.NewReader("typed\n"), "exec", other, "sh", "-c", "read x; echo got $x; echo err >&2; exit 7"); status != 7 || !strings.Contains(out, "got typed\n") || !strings.Contains(out, "err\n") {
			t.Errorf("exit status %d, want 7: %s", status, out)
		}
		answer := k.call(t, "ExecSync", m{"container_id": web, "cmd": []string{"sh", "-c", "exit 3"}})
		if code := at(t, answer, "exitCode"); code != 3.0 {
			t.Errorf("exec without a stream: exit status %v, want 3", code)
		}
	})
	t.Run("limits", func(t *testing.T) {
		wantValues(t, web, []readBack{
			{"memory", "memory.limit_in_bytes", "67108864", "memory.max", "67108864"},
			{"cpu", "cpu.cfs_quota_us", "50000", "cpu.max", "50000 100000"},
			{"cpu", "cpu.shares", "512", "cpu.weight", "20"},
		})
		k.call(t, "UpdateContainerResources", m{"container_id": web, "linux": m{"cpu_period": 100000, "cpu_quota": 20000, "memory_limit_in_bytes": 83886080}})
		wantValues(t, web, []readBack{
			{"memory", "memory.limit_in_bytes", "83886080", "memory.max", "83886080"},
			{"cpu", "cpu.cfs_quota_us", "20000", "cpu.max", "20000 100000"},
		})
		stats := k.call(t, "ContainerStats", m{"container_id": web})
		if used := word(t, stats, "stats", "memory", "workingSetBytes", "value"); used == "" || used == "0" {
			t.Errorf("memory in use: %q", used)
		}
	})
	t.Run("attach", func(t *testing.T) {
		// The container's shell answers each line; the stream ends with the client's patience, not with the shell.
		lines := k.attach(t, other, "by hand\n")
		await(t, lines, "read by hand")
	})
	t.Run("stop", func(t *testing.T) {
		k.call(t, "StopContainer", m{"container_id": web, "timeout": 30})
		ended := k.wait(t, web, "CONTAINER_EXITED")
		if code := at(t, ended, "status", "exitCode"); code != 0.0 {
			t.Errorf("exit status %v, want 0", code)
		}
		b, err := os.ReadFile(filepath.Join(k.directory, "web.log"))
		if err != nil {
			t.Fatal(err)
		}
		wantParts(t, "log", string(b), "stdout F listening", "stdout F ended in order")
		k.call(t, "RemoveContainer", m{"container_id": web})
	})
	t.Run("a pod that ends", func(t *testing.T) {
		stop()
		for _, top := range hierarchies() {
			if left, _ := filepath.Glob(filepath.Join(top, "kubepods/pod1", "*", "cgroup.procs")); len(left) > 0 {
				t.Errorf("cgroups are left: %s", strings.Join(left, " "))
			}
		}
		wantEqual(t, "tasks", strings.TrimSpace(strings.Join(strings.Split(c.must(t, "task", "ls"), "\n")[1:], "")), "")
	})
}

// attach types into the container's process, and gives the lines that come back.
func (k *kubelet) attach(t *testing.T, id, text string) <-chan string {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	if _, err := w.WriteString(text); err != nil {
		t.Fatal(err)
	}
	with := *k
	with.stdin = r
	return with.follow(t, "attach", id)
}
