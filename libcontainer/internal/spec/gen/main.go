// Command gen writes decode_gen.go: see the go:generate line of package spec.
package main

import (
	"fmt"
	"os"

	"github.com/rung-oci/rung/libcontainer/internal/spec/gen/code"
)

func main() {
	src, err := code.Decoders()
	if err == nil {
		err = os.WriteFile(os.Args[1], src, 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}
