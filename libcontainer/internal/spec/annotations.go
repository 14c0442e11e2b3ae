package spec

import (
	"strings"

	"github.com/rung-oci/rung/libcontainer/internal/annotation"
	"github.com/rung-oci/rung/libcontainer/internal/landlock"
)

const (
	chapterAnnotations = "config.md#annotations"
	chapterOwn         = "docs/annotations.md" // of rung itself
)

// annotations checks the keys. "Keys MUST NOT be an empty string": every runtime
// lets them pass, and they harm nobody, so it is not a reason to refuse.
func (c *checker) annotations() {
	n := len(c.out)
	for k := range c.spec.Annotations {
		switch {
		case k == "":
			c.should(chapterAnnotations, "a key must not be empty", "annotations", key(k))
		case strings.HasPrefix(k, annotation.Own):
			if !annotation.Known(k) {
				c.must(chapterOwn, "unknown annotation: what it asks for would be left out without a word", "annotations", key(k))
			}
		case strings.HasPrefix(k, "org.opencontainers."):
			if !reservedAnnotation(k) {
				c.warn(chapterAnnotations, "the namespace org.opencontainers is reserved for the specification, which has no such key", "annotations", key(k))
			}
		case strings.IndexByte(k, '.') < 0:
			c.warn(chapterAnnotations, "a key should be in reverse domain notation, as com.example.myKey", "annotations", key(k))
		}
	}
	for _, k := range [...]string{annotation.CoreScheduling, annotation.NoHugePages} {
		if v, ok := c.spec.Annotations[k]; ok && v != "true" && v != "false" {
			c.must(chapterOwn, quote(v)+": want true or false", "annotations", key(k))
		}
	}
	_, problems := landlock.Parse(c.spec.Annotations)
	for _, p := range problems {
		c.must(chapterOwn, p.Message, "annotations", key(p.Key))
	}
	c.sortFrom(n)
}

func reservedAnnotation(k string) bool {
	switch k {
	case "org.opencontainers.image.os",
		"org.opencontainers.image.os.version",
		"org.opencontainers.image.os.features",
		"org.opencontainers.image.architecture",
		"org.opencontainers.image.variant",
		"org.opencontainers.image.author",
		"org.opencontainers.image.created",
		"org.opencontainers.image.stopSignal":
		return true
	}
	// The image specification's own keys, which engines copy over.
	return strings.HasPrefix(k, "org.opencontainers.image.")
}
