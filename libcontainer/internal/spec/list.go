package spec

import (
	"strconv"
	"strings"
)

// list checks a list of CPUs or memory nodes: "a comma-separated list, with
// dashes to represent ranges. For example, 0-3,7". Empty means unset. Like the
// kernel's own parser it lets blanks and empty entries pass, and the a-b:c/d
// form.
func (c *checker) list(chapter, what, list string, path ...any) {
	if list == "" {
		return
	}
	if _, bad := countList(list, 1<<20); bad != "" {
		c.must(chapter, quote(list)+" is not a list of "+what+" such as 0-3,7: "+bad, path...)
	}
}

// countList returns how many numbers a list names (twice those named twice), or
// says what is wrong with it; numbers must be below limit.
func countList(list string, limit uint64) (n uint64, bad string) {
	for entry := range strings.SplitSeq(list, ",") {
		entry = strings.Trim(entry, " \t\n")
		if entry == "" {
			continue
		}
		span, group, grouped := strings.Cut(entry, ":")
		if grouped {
			used, of, ok := strings.Cut(group, "/")
			if !ok || !allDigits(used) || !allDigits(of) {
				return 0, quote(entry) + " is not a number or a range"
			}
		}
		first, last, isRange := strings.Cut(span, "-")
		if !isRange {
			last = first
		}
		if !allDigits(first) || !allDigits(last) {
			return 0, quote(entry) + " is not a number or a range"
		}
		a, errA := strconv.ParseUint(first, 10, 64)
		b, errB := strconv.ParseUint(last, 10, 64)
		switch {
		case errA != nil || errB != nil || max(a, b) >= limit:
			return 0, entry + " is out of range, want below " + utoa(limit)
		case a > b:
			return 0, entry + " runs backwards"
		}
		n += b - a + 1
	}
	return n, ""
}
