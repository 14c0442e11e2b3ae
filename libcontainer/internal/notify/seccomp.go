package notify

import (
	"github.com/rung-oci/rung/libcontainer/internal/console"
	"github.com/rung-oci/rung/libcontainer/internal/jsonscan"
)

// ContainerProcessState renders what a seccomp agent is told of the process
// whose listener it gets (runtime-spec, config-linux.md, The Container Process
// State). pid is the process as the runtime sees it; state is the container's
// state, JSON. Metadata that is empty is left out, as specs-go does.
func ContainerProcessState(ociVersion string, pid int, metadata string, state []byte) []byte {
	b := make([]byte, 0, 128+len(metadata)+len(state))
	b = append(b, '{')
	b = jsonscan.AppendString(jsonscan.AppendKey(b, "ociVersion"), ociVersion)
	b = append(jsonscan.AppendKey(b, "fds"), `["seccompFd"]`...)
	b = jsonscan.AppendInt(jsonscan.AppendKey(b, "pid"), int64(pid))
	if metadata != "" {
		b = jsonscan.AppendString(jsonscan.AppendKey(b, "metadata"), metadata)
	}
	b = append(jsonscan.AppendKey(b, "state"), state...)
	return append(b, '}')
}

// SendListener gives a seccomp listener to the agent at path: one message of a
// ContainerProcessState and the descriptor. listener stays the caller's. Agents
// read into a buffer of some KiB at once; there is no length in front.
func SendListener(path string, listener int, state []byte) error {
	return console.SendFD(path, state, listener)
}
