package runtime

import (
	"slices"
	"testing"

	"github.com/rung-oci/rung/libcontainer/internal/plan"
)

// ids makes a map of extents, three numbers each.
func ids(n ...uint32) (m plan.IDMap) {
	for ; len(n) > 0; n = n[3:] {
		m = append(m, plan.IDExtent{Container: n[0], Host: n[1], Size: n[2]})
	}
	return m
}

func TestMerged(t *testing.T) {
	for _, c := range []struct {
		name string
		a, b plan.IDMap
		same bool
	}{
		{"as the kernel prints it", parseMap("         0     100000      65536\n"), plan.IDMap{{Container: 0, Host: 100000, Size: 65536}}, true},
		{"in another order", ids(0, 5, 1, 7, 100, 3), ids(7, 100, 3, 0, 5, 1), true},
		{"in two parts", ids(0, 5, 10), ids(4, 9, 6, 0, 5, 4), true},
		{"shorter", ids(0, 5, 10), ids(0, 5, 9), false},
		{"to other ids", ids(0, 5, 10), ids(0, 6, 10), false},
		{"parts that meet inside only", ids(0, 5, 2, 2, 9, 2), ids(0, 5, 4), false},
	} {
		if got := slices.Equal(merged(c.a), merged(c.b)); got != c.same {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}
