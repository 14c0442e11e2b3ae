package hooks

import "github.com/rung-oci/rung/libcontainer/internal/jsonscan"

// StateJSON renders the state of a container as hooks get it on standard input
// (runtime-spec, runtime.md, State). A pid of 0 and no annotations are left out,
// as specs-go does.
func StateJSON(ociVersion, id, status string, pid int, bundle string, annotations map[string]string) []byte {
	b := make([]byte, 0, 256)
	b = append(b, '{')
	b = jsonscan.AppendString(jsonscan.AppendKey(b, "ociVersion"), ociVersion)
	b = jsonscan.AppendString(jsonscan.AppendKey(b, "id"), id)
	b = jsonscan.AppendString(jsonscan.AppendKey(b, "status"), status)
	if pid != 0 {
		b = jsonscan.AppendInt(jsonscan.AppendKey(b, "pid"), int64(pid))
	}
	b = jsonscan.AppendString(jsonscan.AppendKey(b, "bundle"), bundle)
	if len(annotations) > 0 {
		b = jsonscan.AppendStringMap(jsonscan.AppendKey(b, "annotations"), annotations)
	}
	return append(b, '}')
}
