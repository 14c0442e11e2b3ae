// Build compiles the init program.
//
//	go run ./nsenter/build [-o FILE] [-arch GOARCH]
//
// The source is in this command, which can be run from a module cache or a vendor
// directory, and has to be built for the machine that it runs on. What it
// compiles for is -arch, or else $GOARCH. $CC names the compiler, with options if
// need be, gcc if it is not set. On amd64 and arm64 the program is linked without
// a C library; elsewhere with the static one.
package main

import (
	"debug/elf"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/rung-oci/rung/nsenter"
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

// home is where rung embeds the program from, seen from the top of its source.
const home = "nsenter/elf/programs"

func build(arch, out string) error {
	if out == "" {
		if fi, err := os.Stat(home); err != nil || !fi.IsDir() {
			return fmt.Errorf("no %s here: run it at the top of rung's source, or name a file with -o", home)
		}
		out = filepath.Join(home, "init-"+arch)
	}
	out, err := filepath.Abs(out)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "rung-init-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	sources, err := unpack(dir)
	if err != nil {
		return err
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
	cc := strings.Fields(env("CC", "gcc"))
	if len(cc) == 0 {
		return errors.New("$CC is blank")
	}
	cmd := exec.Command(cc[0], append(cc[1:], args...)...)
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w", cmd.Path, err)
	}
	if err := fits(out+".new", arch); err != nil {
		os.Remove(out + ".new")
		return err
	}
	return os.Rename(out+".new", out)
}

// unpack writes the source below dir, and returns the C files in relation to it:
// the names that the compiler's messages have are the same wherever that is.
func unpack(dir string) (sources []string, err error) {
	const sub = "nsenter"
	if err := os.Mkdir(filepath.Join(dir, sub), 0o777); err != nil {
		return nil, err
	}
	all, err := nsenter.Source.ReadDir(".")
	if err != nil {
		return nil, err
	}
	for _, f := range all {
		text, err := nsenter.Source.ReadFile(f.Name())
		if err != nil {
			return nil, err
		}
		name := filepath.Join(sub, f.Name())
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o666); err != nil {
			return nil, err
		}
		if filepath.Ext(name) == ".c" {
			sources = append(sources, name)
		}
	}
	return sources, nil
}

// fits checks that the compiler has compiled for the architecture: in a cross
// build it is easy to set GOARCH and to forget CC.
func fits(program, arch string) error {
	want, known := machines[arch]
	if !known {
		return nil
	}
	f, err := elf.Open(program)
	if err != nil {
		return err
	}
	defer f.Close()
	if f.Machine != want {
		return fmt.Errorf("%s compiles for %v, and not for %s: CC has to name a compiler for that", env("CC", "gcc"), f.Machine, arch)
	}
	return nil
}

// machines is what ELF calls the architectures that rung can be built for.
var machines = map[string]elf.Machine{
	"386": elf.EM_386, "amd64": elf.EM_X86_64, "arm": elf.EM_ARM, "arm64": elf.EM_AARCH64, "loong64": elf.EM_LOONGARCH,
	"ppc64": elf.EM_PPC64, "ppc64le": elf.EM_PPC64, "riscv64": elf.EM_RISCV, "s390x": elf.EM_S390,
}
