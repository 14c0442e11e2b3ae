package main

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// floorName is the contender that is no runtime: what the kernel takes for the default spec's container.
const floorName = "floor"

// floorArguments is the command line of the floor program in the view; nil where it is not at hand.
func floorArguments(view, rootfs string) []string {
	if runtime.GOARCH != "amd64" {
		return nil
	}
	args := []string{rootfs, view, floorName}
	if view == "v2" {
		return append(args, cgroupTop+"/rung-bench-floor")
	}
	entries, err := os.ReadDir(cgroupTop)
	if err != nil {
		return nil
	}
	for _, e := range entries {
		dir := filepath.Join(cgroupTop, e.Name())
		if _, err := os.Stat(filepath.Join(dir, "tasks")); err == nil && e.IsDir() {
			args = append(args, filepath.Join(dir, "rung-bench-floor"))
		}
	}
	return args
}

// sweepFloor takes away the groups that a floor program left which failed.
func sweepFloor(args []string) {
	for _, dir := range slices.Backward(args) {
		if strings.HasSuffix(dir, "/rung-bench-floor") {
			_ = os.Remove(dir)
		}
	}
}
