package compile

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
)

// maxListed bounds the numbers of a list; kernels are built for up to 8192 CPUs
// (CONFIG_NR_CPUS) and 1024 memory nodes.
const maxListed = 8192

// cpuMask turns a list of CPUs or memory nodes into a bit mask of whole words,
// in the machine's order, as sched_setaffinity(2) and set_mempolicy(2) want it.
// The forms are those of cpuset(7), "List format": 1, 0-3,5, and 0-31:2/8 (of
// each eight the first two). An empty list gives an empty mask.
func cpuMask(list string) ([]byte, error) {
	var words []uint64
	for part := range strings.SplitSeq(list, ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		r, ok := parseRange(part)
		if !ok {
			return nil, fmt.Errorf("%q is not a list of numbers and ranges", list)
		}
		if r.last >= maxListed {
			return nil, fmt.Errorf("%q: numbers end at %d", list, maxListed-1)
		}
		for uint64(len(words)) <= r.last/64 {
			words = append(words, 0)
		}
		for n := r.first; n <= r.last; n++ {
			if (n-r.first)%r.group < r.used {
				words[n/64] |= 1 << (n % 64)
			}
		}
	}
	mask := make([]byte, 0, 8*len(words))
	for _, w := range words {
		mask = binary.NativeEndian.AppendUint64(mask, w)
	}
	return mask, nil
}

// numberRange is first to last; of each group of numbers the first used ones.
type numberRange struct{ first, last, used, group uint64 }

func parseRange(s string) (r numberRange, ok bool) {
	span, grouping, grouped := strings.Cut(s, ":")
	from, to, ranged := strings.Cut(span, "-")
	if !ranged {
		to = from
	}
	r.used, r.group = 1, 1
	ok = listNumber(from, &r.first) && listNumber(to, &r.last) && r.first <= r.last
	if grouped {
		used, group, _ := strings.Cut(grouping, "/")
		ok = ok && listNumber(used, &r.used) && listNumber(group, &r.group) && r.group > 0 && r.used <= r.group
	}
	return r, ok
}

// listNumber reads a decimal number. One that is too large for the type is far
// out of range as well, and reported as that.
func listNumber(s string, n *uint64) bool {
	s = strings.TrimSpace(s)
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	*n, _ = strconv.ParseUint(s, 10, 64) // the largest number when out of range
	return s != ""
}
