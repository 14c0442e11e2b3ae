// Package code says what package spec generates, for its generator and for the
// test that the generated file is up to date.
package code

import (
	"reflect"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/rung-oci/rung/libcontainer/internal/jsonscan/gen"
)

// Decoders returns the contents of decode_gen.go.
func Decoders() ([]byte, error) {
	const module = "github.com/rung-oci/rung/libcontainer/internal/"
	return gen.Generate(gen.Config{
		Package: "spec",
		Import:  module + "spec",
		Scan:    module + "jsonscan",
		Roots:   []reflect.Type{reflect.TypeFor[specs.Spec]()},
		// Sections of other platforms are not read: the validator warns of them, and nothing else looks.
		Opaque: []reflect.Type{
			reflect.TypeFor[specs.Solaris](), reflect.TypeFor[specs.Windows](), reflect.TypeFor[specs.VM](),
			reflect.TypeFor[specs.ZOS](), reflect.TypeFor[specs.FreeBSD](),
		},
	})
}
