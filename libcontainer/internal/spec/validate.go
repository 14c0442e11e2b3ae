package spec

import (
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// Options is what [Validate] has to know beside the configuration.
type Options struct {
	// NeedProcess says that there must be a process: true for run and for
	// create, which starts one later (config.md#process); false for check.
	NeedProcess bool
	// Rootless says that the runtime does not run as the host's root. A user
	// namespace, with mappings, is needed then.
	Rootless bool
	// BundleAbs is the bundle's absolute path, "" if it is not known. It is only
	// compared with strings.
	BundleAbs string
}

// Validate returns all that is wrong with s, in the order of config.md, nil if
// nothing is. It looks at nothing but its arguments. Only problems of level
// [Must] are reasons to refuse the configuration.
func Validate(s *specs.Spec, o Options) Problems {
	return nil
}
