package spec

import (
	"strconv"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

const chapterHooks = "config.md#posix-platform-hooks"

// hooks checks all six lists in the order they run in. That prestart is
// deprecated is not mentioned: Docker cannot do without.
func (c *checker) hooks() {
	h := c.spec.Hooks
	if h == nil {
		return
	}
	c.hookList("hooks.prestart", h.Prestart)
	c.hookList("hooks.createRuntime", h.CreateRuntime)
	c.hookList("hooks.createContainer", h.CreateContainer)
	c.hookList("hooks.startContainer", h.StartContainer)
	c.hookList("hooks.poststart", h.Poststart)
	c.hookList("hooks.poststop", h.Poststop)
}

func (c *checker) hookList(list string, hooks []specs.Hook) {
	for i := range hooks {
		h := &hooks[i]
		switch {
		case h.Path == "":
			c.must(chapterHooks, "is required", list, i, "path")
		case !isAbs(h.Path):
			c.must(chapterHooks, quote(h.Path)+" must be an absolute path", list, i, "path")
		case hasNUL(h.Path):
			c.must(chapterHooks, nulMessage, list, i, "path")
		}
		if n := nulAt(h.Args); n >= 0 {
			c.must(chapterHooks, nulMessage, list, i, "args", n)
		}
		c.env(chapterHooks, h.Env, list, i, "env")
		if h.Timeout != nil && *h.Timeout <= 0 {
			c.must(chapterHooks, strconv.Itoa(*h.Timeout)+" must be greater than zero (seconds)", list, i, "timeout")
		}
	}
}
