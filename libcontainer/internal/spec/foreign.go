package spec

import (
	"bytes"
	"slices"
)

// foreignFiles are the JSON documents that people put in the place of config.json, by members that only they have.
var foreignFiles = [...]struct {
	what    string
	members []string
}{
	{"the config of an image (image-spec, config.md)", []string{"architecture", "os", "rootfs"}},
	{"the manifest of an image (image-spec, manifest.md)", []string{"schemaVersion", "layers"}},
	{"the index of an image (image-spec, image-index.md)", []string{"schemaVersion", "manifests"}},
	{"the output of inspect of an engine", []string{"Id", "Config"}},
	{"the output of inspect of an engine", []string{"Id", "RepoTags"}},
}

// Foreign returns what a document is that was given as config.json and is none, as a [Must] of the whole; nil if it is
// not known. A config with a root or a process is never foreign.
func Foreign(l *Loaded) Problems {
	if l == nil || l.Spec == nil || l.Spec.Root != nil || l.Spec.Process != nil {
		return nil
	}
	what := ""
	if raw := bytes.TrimLeft(l.Raw, " \t\r\n"); len(raw) > 0 && raw[0] == '[' && bytes.Contains(raw, []byte(`"Id"`)) {
		what = "the output of inspect of an engine"
	}
	for _, f := range foreignFiles {
		if what == "" && !slices.ContainsFunc(f.members, func(name string) bool { return !hasUnknown(l.Unknown, name) }) {
			what = f.what
		}
	}
	if what == "" {
		return nil
	}
	return Problems{{
		Level: Must, Chapter: "config.md",
		Message: "the file is " + what + ", not the config of a bundle: rung spec writes a config to start from",
	}}
}

func hasUnknown(list Problems, name string) bool {
	return slices.ContainsFunc(list, func(p Problem) bool { return p.Path == name })
}
