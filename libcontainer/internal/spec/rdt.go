package spec

import "strings"

const chapterIntelRdt = "config-linux.md#intelrdt"

// intelRdt checks names and schemata. closID becomes a directory of the resctrl
// filesystem; the special value / is its root, the default class.
func (c *checker) intelRdt() {
	r := c.linux.IntelRdt
	if r == nil {
		return
	}
	const path = "linux.intelRdt"
	if id := r.ClosID; id != "" && id != "/" &&
		(strings.ContainsAny(id, "/\n\x00") || id == "." || id == "..") {
		c.must(chapterIntelRdt, quote(id)+" must be / or a single file name", path, "closID")
	}
	switch r.ClosID {
	case "info", "mon_data", "mon_groups":
		c.must(chapterIntelRdt, quote(r.ClosID)+" is a directory of resctrl itself", path, "closID")
	}
	if s := r.L3CacheSchema; s != "" {
		if !strings.HasPrefix(s, "L3:") && !strings.HasPrefix(s, "L3CODE:") && !strings.HasPrefix(s, "L3DATA:") {
			c.should(chapterIntelRdt, quote(s)+" should start with L3:", path, "l3CacheSchema")
		}
		if strings.Contains(s, "\n") {
			c.should(chapterIntelRdt, "should not contain newlines", path, "l3CacheSchema")
		}
	}
	if s := r.MemBwSchema; s != "" {
		if !strings.HasPrefix(s, "MB:") {
			c.must(chapterIntelRdt, quote(s)+" must start with MB:", path, "memBwSchema")
		}
		if strings.Contains(s, "\n") {
			c.must(chapterIntelRdt, "must not contain newlines", path, "memBwSchema")
		}
	}
	for i, s := range r.Schemata {
		if strings.Contains(s, "\n") {
			c.must(chapterIntelRdt, "must not contain newlines", path, "schemata", i)
		}
	}
}
