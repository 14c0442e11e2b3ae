package libcontainer_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/rung-oci/rung/libcontainer"
)

// A container's life in single steps. The program that creates a container is the parent of its process.
func Example() {
	bundle := exampleBundle("sh", "-c", "echo hello from $(hostname)")
	root := filepath.Join(bundle, "state")
	r, w, err := os.Pipe()
	if err != nil {
		fmt.Println(err)
		return
	}
	ctr, err := libcontainer.Create(libcontainer.CreateOptions{Root: root, ID: "web", Bundle: bundle, Stdout: w})
	w.Close()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(ctr.State().Status)
	process, err := os.FindProcess(ctr.State().Pid) // 0 when it has ended
	if err != nil {
		fmt.Println(err)
		return
	}

	if err := ctr.Start(); err != nil {
		fmt.Println(err)
	}
	output, _ := io.ReadAll(r)
	fmt.Printf("%s", output)

	end, err := process.Wait()
	fmt.Println(end, err)
	fmt.Println(ctr.State().Status)
	fmt.Println(ctr.Delete(false, nil))
	// Output:
	// created
	// hello from rung
	// exit status 0 <nil>
	// stopped
	// <nil>
}

// Run does it all in one call, and gives the exit status of the container's process.
func ExampleRun() {
	bundle := exampleBundle("sh", "-c", "exit 7")
	status, err := libcontainer.Run(libcontainer.RunOptions{
		CreateOptions: libcontainer.CreateOptions{Root: filepath.Join(bundle, "state"), ID: "web", Bundle: bundle},
	})
	fmt.Println(status, err)
	// Output: 7 <nil>
}

func ExampleContainer_Exec() {
	bundle := exampleBundle("sleep", "1000")
	root := filepath.Join(bundle, "state")
	ctr, err := libcontainer.Create(libcontainer.CreateOptions{Root: root, ID: "web", Bundle: bundle})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer ctr.Delete(true, nil)
	if err := ctr.Start(); err != nil {
		fmt.Println(err)
	}
	status, err := ctr.Exec(libcontainer.ExecOptions{Args: []string{"test", "-d", "/proc/1"}})
	fmt.Println(status, err)
	// Output: 0 <nil>
}

// What a caller may want to tell apart is told by errors.Is, and by the code of an Error.
func ExampleError() {
	bundle := exampleBundle("no-such-command")
	root := filepath.Join(bundle, "state")
	_, err := libcontainer.Load(root, "web")
	fmt.Println(errors.Is(err, libcontainer.ErrNotExist))

	_, err = libcontainer.Create(libcontainer.CreateOptions{Root: root, ID: "web", Bundle: bundle})
	var e *libcontainer.Error
	if errors.As(err, &e) {
		fmt.Println(e.Code == libcontainer.CodeExec, e.Path)
	}
	// Output:
	// true
	// true process.args[0]
}

// Check says all that is wrong with a bundle at once, and changes nothing.
func ExampleCheck() {
	bundle := exampleBundle("sh")
	config := filepath.Join(bundle, "config.json")
	text, _ := os.ReadFile(config)
	broken := strings.Replace(string(text), `"cwd": "/"`, `"cwd": "tmp"`, 1)
	_ = os.WriteFile(config, []byte(broken), 0o644)

	findings, err := libcontainer.Check(libcontainer.CheckOptions{Bundle: bundle})
	for _, f := range findings {
		if f.Fatal {
			fmt.Println(f.Level, f.Path, f.Source)
		}
	}
	fmt.Println(findings.Fatal(), err)
	// Output:
	// MUST process.cwd config.md#process
	// true <nil>
}

// PlanText prints what Create would do, and does none of it.
func ExamplePlanText() {
	bundle := exampleBundle("sh")
	var text strings.Builder
	err := libcontainer.PlanText(libcontainer.CreateOptions{
		Root: filepath.Join(bundle, "state"), ID: "web", Bundle: bundle,
	}, "text", &text)
	fmt.Println(strings.Contains(text.String(), " pivot "), err)
	// Output: true <nil>
}
