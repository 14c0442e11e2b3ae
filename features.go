package main

import (
	"github.com/urfave/cli/v2"

	"github.com/rung-oci/rung/libcontainer"
)

func (g *globals) featuresCommand() *command {
	return &command{
		Command: cli.Command{
			Name:      "features",
			Usage:     "print what this runtime can do",
			ArgsUsage: " ",
			Description: `Prints the Features structure of the runtime-spec as JSON: the names that a config may use. What this host
makes of them is not part of it, but for the seccomp flags that the kernel supports. The annotations
"org.rung-oci.host.*" tell of the host: "yes", or "no" and the reason.

EXAMPLE:
    # rung features | jq -r '.linux.seccomp.supportedFlags[]'
    # rung features | jq '.annotations | with_entries(select(.key | startswith("org.rung-oci.host.")))'`,
		},
		action: func(_ []string) error {
			if err := g.begin(); err != nil {
				return err
			}
			return g.printJSON(libcontainer.AppendFeatures(nil, libcontainer.FeatureOptions{
				Version: version, Commit: commit, Commands: commandNames[:],
			}))
		},
	}
}
