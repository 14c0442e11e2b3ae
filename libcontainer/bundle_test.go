package libcontainer_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/rung-oci/rung/nsenter/elf"
)

// bundles is where the examples have theirs.
var bundles string

// TestMain leaves out the examples, which make real containers, where that cannot be: examples have no way to skip.
func TestMain(m *testing.M) {
	flag.Parse()
	if why := noContainers(); why != "" {
		fmt.Fprintln(os.Stderr, "the examples are left out:", why)
		if err := flag.Set("test.skip", "^Example"); err != nil {
			panic(err)
		}
	}
	var err error
	if bundles, err = os.MkdirTemp("", "rung-examples-"); err != nil {
		panic(err)
	}
	status := m.Run()
	os.RemoveAll(bundles)
	os.Exit(status)
}

func noContainers() string {
	if testing.Short() {
		return "-short"
	}
	if os.Geteuid() != 0 {
		return "not root"
	}
	if _, err := exec.LookPath("busybox"); err != nil {
		return err.Error()
	}
	if _, err := elf.Program(); err != nil {
		return err.Error()
	}
	return ""
}

// exampleBundle makes a bundle with busybox, whose process is the command.
func exampleBundle(args ...string) string {
	dir, err := os.MkdirTemp(bundles, "")
	if err != nil {
		panic(err)
	}
	bin := filepath.Join(dir, "rootfs", "bin")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		panic(err)
	}
	if out, err := exec.Command("sh", "-c", `cp "$(command -v busybox)" "$1"`, "sh", bin+"/busybox").CombinedOutput(); err != nil {
		panic(string(out))
	}
	for _, applet := range [...]string{"sh", "sleep", "test", "hostname"} {
		if err := os.Symlink("busybox", filepath.Join(bin, applet)); err != nil {
			panic(err)
		}
	}
	spec := specs.Spec{
		Version: specs.Version, Hostname: "rung", Root: &specs.Root{Path: "rootfs"},
		Process: &specs.Process{Args: args, Cwd: "/", Env: []string{"PATH=/bin"}},
		Mounts:  []specs.Mount{{Destination: "/proc", Type: "proc", Source: "proc"}},
		Linux: &specs.Linux{
			CgroupsPath: "/rung-examples-" + strconv.Itoa(os.Getpid()) + "-" + filepath.Base(dir),
			Namespaces: []specs.LinuxNamespace{
				{Type: specs.PIDNamespace}, {Type: specs.MountNamespace}, {Type: specs.UTSNamespace}, {Type: specs.IPCNamespace},
			},
		},
	}
	text, err := json.MarshalIndent(spec, "", "  ")
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "config.json"), text, 0o644)
	}
	if err != nil {
		panic(err)
	}
	return dir
}
