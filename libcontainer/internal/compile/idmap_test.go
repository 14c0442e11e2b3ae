package compile

import (
	"encoding/binary"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/rung-oci/rung/libcontainer/internal/plan"
)

func TestIDMap(t *testing.T) {
	for _, c := range []struct {
		name string
		in   []specs.LinuxIDMapping
		want plan.IDMap
	}{
		{"none", nil, plan.IDMap{}},
		{"one", []specs.LinuxIDMapping{{ContainerID: 0, HostID: 100000, Size: 65536}}, plan.IDMap{{Container: 0, Host: 100000, Size: 65536}}},
		{"order is kept", []specs.LinuxIDMapping{{ContainerID: 1, HostID: 7, Size: 1}, {ContainerID: 0, HostID: 8, Size: 1}}, plan.IDMap{{Container: 1, Host: 7, Size: 1}, {Container: 0, Host: 8, Size: 1}}},
		{"every id", []specs.LinuxIDMapping{{Size: math.MaxUint32}}, plan.IDMap{{Size: math.MaxUint32}}},
		{"the last id", []specs.LinuxIDMapping{{ContainerID: math.MaxUint32 - 1, HostID: math.MaxUint32 - 1, Size: 1}}, plan.IDMap{{Container: math.MaxUint32 - 1, Host: math.MaxUint32 - 1, Size: 1}}},
		{"neighbours", []specs.LinuxIDMapping{{ContainerID: 0, HostID: 10, Size: 10}, {ContainerID: 10, HostID: 0, Size: 10}}, plan.IDMap{{Container: 0, Host: 10, Size: 10}, {Container: 10, Host: 0, Size: 10}}},
	} {
		if got, err := idMap(c.in); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: %v %v, want %v", c.name, got, err, c.want)
		}
	}
}

func TestIDMap_invalid(t *testing.T) {
	many := make([]specs.LinuxIDMapping, maxExtents+1)
	for i := range many {
		many[i] = specs.LinuxIDMapping{ContainerID: uint32(i), HostID: uint32(i), Size: 1}
	}
	if _, err := idMap(many[:maxExtents]); err != nil {
		t.Errorf("%d entries: %v", maxExtents, err)
	}
	for _, c := range []struct {
		name string
		in   []specs.LinuxIDMapping
		want string
	}{
		{"too many", many, "341 entries"},
		{"no ids", []specs.LinuxIDMapping{{Size: 0}}, "maps no ids"},
		{"-1 in the container", []specs.LinuxIDMapping{{ContainerID: math.MaxUint32, Size: 1}}, "beyond the last id"},
		{"-1 on the host", []specs.LinuxIDMapping{{HostID: math.MaxUint32 - 1, Size: 2}}, "beyond the last id"},
		{"overflow", []specs.LinuxIDMapping{{ContainerID: 2, Size: math.MaxUint32}}, "beyond the last id"},
		{"container ids twice", []specs.LinuxIDMapping{{ContainerID: 5, HostID: 50, Size: 10}, {ContainerID: 14, HostID: 1, Size: 1}}, "id mapping 1 (14 1 1) overlaps id mapping 0"},
		{"host ids twice", []specs.LinuxIDMapping{{ContainerID: 5, HostID: 50, Size: 1}, {ContainerID: 0, HostID: 40, Size: 5}, {ContainerID: 6, HostID: 0, Size: 41}}, "id mapping 2 (6 0 41) overlaps id mapping 1"},
	} {
		if got, err := idMap(c.in); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v %v, want %q", c.name, got, err, c.want)
		}
	}
}

// In a map without overlaps each id has one counterpart, in both directions.
func FuzzIDMap(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0}, uint32(5))
	f.Add([]byte{}, uint32(0))
	f.Fuzz(func(t *testing.T, raw []byte, id uint32) {
		var list []specs.LinuxIDMapping
		for ; len(raw) >= 12 && len(list) < 20; raw = raw[12:] {
			list = append(list, specs.LinuxIDMapping{
				ContainerID: binary.LittleEndian.Uint32(raw), HostID: binary.LittleEndian.Uint32(raw[4:]), Size: binary.LittleEndian.Uint32(raw[8:]),
			})
		}
		m, err := idMap(list)
		if err != nil {
			return
		}
		toContainer := func(id uint32) (uint32, bool) {
			for _, e := range m {
				if id >= e.Host && id-e.Host < e.Size {
					return e.Container + (id - e.Host), true
				}
			}
			return 0, false
		}
		if host, ok := m.ToHost(id); ok {
			if back, ok := toContainer(host); !ok || back != id {
				t.Errorf("%v: %d is %d on the host, which is %d in the container", m, id, host, back)
			}
		}
		if inside, ok := toContainer(id); ok {
			if back, ok := m.ToHost(inside); !ok || back != id {
				t.Errorf("%v: %d is %d in the container, which is %d on the host", m, id, inside, back)
			}
		}
		for _, e := range m {
			for _, n := range []uint32{0, e.Size / 2, e.Size - 1} {
				if host, ok := m.ToHost(e.Container + n); !ok || host != e.Host+n {
					t.Errorf("%v: %d is %d on the host", m, e.Container+n, host)
				}
			}
		}
	})
}
