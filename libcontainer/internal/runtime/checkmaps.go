package runtime

import (
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/sys/user"
	"github.com/rung-oci/rung/libcontainer/internal/plan"
)

var errOtherMaps = errors.New("the user namespace that is joined has other maps")

// checkMaps holds the maps of the namespace that the init has joined against
// those of the config.
func checkMaps(pid int, a plan.CheckMaps) error {
	for _, m := range [...]struct {
		origin, file string
		want         plan.IDMap
	}{{"linux.uidMappings", "/uid_map", a.UIDs}, {"linux.gidMappings", "/gid_map", a.GIDs}} {
		if len(m.want) == 0 {
			continue
		}
		b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + m.file)
		if err != nil {
			return err
		}
		have := parseMap(string(b))
		if !slices.Equal(merged(have), merged(m.want)) {
			return &StepError{Origin: m.origin, Step: plan.LabelOf(a), What: "map ids " + m.want.String() + " (in the container:on the host:how many), and it has " + have.String(), Err: errOtherMaps}
		}
	}
	return nil
}

// parseMap reads uid_map or gid_map (user_namespaces(7)).
func parseMap(text string) (m plan.IDMap) {
	list, _ := user.ParseIDMap(strings.NewReader(text))
	for _, e := range list {
		m = append(m, plan.IDExtent{Container: uint32(e.ID), Host: uint32(e.ParentID), Size: uint32(e.Count)})
	}
	return m
}

// merged puts a map in order, with extents that continue each other made one:
// two maps of the same ids are equal then.
func merged(m plan.IDMap) (out plan.IDMap) {
	m = slices.Clone(m)
	slices.SortFunc(m, func(a, b plan.IDExtent) int { return int(int64(a.Container) - int64(b.Container)) })
	for _, e := range m {
		if n := len(out) - 1; n >= 0 && out[n].Container+out[n].Size == e.Container && out[n].Host+out[n].Size == e.Host {
			out[n].Size += e.Size
			continue
		}
		out = append(out, e)
	}
	return out
}
