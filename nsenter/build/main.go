// Build compiles the init program.
//
//	go run ./nsenter/build [-o FILE] [-arch GOARCH]
//
// CC names the compiler, gcc if it is not set. On amd64 and arm64 the program is
// linked without a C library; elsewhere with the static one.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
)

// flags are what nobody may leave out: rung's own answers to overflow and to the
// differences between one build and the next.
var flags = []string{
	"-std=gnu11", "-D_GNU_SOURCE", "-O2", "-fno-strict-aliasing", "-fno-asynchronous-unwind-tables", "-fno-unwind-tables",
	"-ffunction-sections", "-fdata-sections", "-fstack-protector-strong", "-static", "-no-pie", "-fno-pie", "-s",
	"-Wl,--gc-sections", "-Wl,--build-id=none", "-Wl,-z,noexecstack",
}

// bare leaves the C library out. One segment for all that is read-only is one mapping less to make and to charge.
var bare = []string{
	"-DRUNG_FREESTANDING", "-U_FORTIFY_SOURCE", "-nostdlib", "-mstack-protector-guard=global", "-fno-tree-loop-distribute-patterns",
	"-Wl,-z,noseparate-code",
}

func main() {
	arch := flag.String("arch", env("GOARCH", runtime.GOARCH), "architecture, as Go names it")
	out := flag.String("o", "", "file to write (default: where rung embeds it from)")
	flag.Parse()
	if err := build(*arch, *out); err != nil {
		fmt.Fprintln(os.Stderr, "nsenter/build:", err)
		os.Exit(1)
	}
}

func env(name, otherwise string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return otherwise
}

func build(arch, out string) error {
	_, file, _, ok := runtime.Caller(0)
	if !ok {
		return fmt.Errorf("the place of the source is not known (built with -trimpath?)")
	}
	dir := filepath.Dir(filepath.Dir(file))
	sources, err := filepath.Glob(filepath.Join(dir, "*.c"))
	if err != nil || len(sources) == 0 {
		return fmt.Errorf("no C files in %s", dir)
	}
	if out == "" {
		out = filepath.Join(dir, "elf", "programs", "init-"+arch)
	}
	args := slices.Clone(flags)
	if arch == "amd64" || arch == "arm64" {
		args = append(args, bare...)
	}
	// a program that is being written is never the one that a build embeds
	args = append(append(args, sources...), "-o", out+".new")
	if arch == "arm64" {
		args = append(args, "-lgcc")
	}
	cmd := exec.Command(env("CC", "gcc"), args...)
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w", cmd.Path, err)
	}
	return os.Rename(out+".new", out)
}
