package spec

const chapterRoot = "config.md#root"

// root checks the root filesystem. "On all other platforms, this field is
// REQUIRED." An empty path would make the whole bundle the root.
func (c *checker) root() {
	r := c.spec.Root
	switch {
	case r == nil:
		c.must(chapterRoot, "is required", "root")
	case r.Path == "":
		c.must(chapterRoot, "is required", "root.path")
	case hasNUL(r.Path):
		c.must(chapterRoot, nulMessage, "root.path")
	}
}
