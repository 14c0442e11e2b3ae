package spec

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

func TestMountOptions_tables_are_sorted(t *testing.T) {
	for name, list := range map[string][]string{"foreignOptions": foreignOptions[:], "hierarchyOptions": hierarchyOptions[:]} {
		if !slices.IsSorted(list) {
			t.Errorf("%s is not sorted", name)
		}
	}
}

func TestParseIDMap(t *testing.T) {
	user := []specs.LinuxIDMapping{{ContainerID: 0, HostID: 5000, Size: 1}, {ContainerID: 1, HostID: 100002, Size: 1000}}
	show := func(m []specs.LinuxIDMapping) string {
		var s []string
		for _, e := range m {
			s = append(s, fmt.Sprintf("%d-%d-%d", e.ContainerID, e.HostID, e.Size))
		}
		return strings.Join(s, "#")
	}
	for _, c := range []struct{ text, uids, gids string }{
		{"uids=0-1-10#10-11-10;gids=0-100-10", "0-1-10#10-11-10", "0-100-10"},
		{"gids=0-1-1;uids=0-2-1", "0-2-1", "0-1-1"},
		{"uids=@1-3-10;gids=@0-0-1", "1-100004-10", "0-5000-1"},
		{"uids=@0-0-1#7-8-9;gids=@0-0-12", "0-5000-1#7-8-9", "0-5000-1#1-100002-11"},
		{"uids=0-4294967294-1;gids=4294967294-0-1", "0-4294967294-1", "4294967294-0-1"},
	} {
		uids, gids, err := ParseIDMap(c.text, user, user)
		if err != nil || show(uids) != c.uids || show(gids) != c.gids {
			t.Errorf("%s: %s and %s (%v), want %s and %s", c.text, show(uids), show(gids), err, c.uids, c.gids)
		}
	}
	for _, text := range []string{
		"", "uids=0-0-1", "gids=0-0-1", "uids=0-0-1;gids=0-0-1;", "uids=0-0-1;gids=0-0-1;uids=1-1-1", "uids=;gids=0-0-1", "uids=0-0-0;gids=0-0-1",
		"uids=0-0-1-1;gids=0-0-1", "uids=0-0;gids=0-0-1", "uids=a-0-1;gids=0-0-1", "uids=0--1;gids=0-0-1", "uids=0-4294967296-1;gids=0-0-1",
		"uids=@0-2000-1;gids=0-0-1", "uids=@0-1000-2;gids=0-0-1", "uids=0-0-1#;gids=0-0-1", "uid=0-0-1;gids=0-0-1", "uids=@@0-0-1;gids=0-0-1", "uids=+0-0-1;gids=0-0-1",
	} {
		if uids, gids, err := ParseIDMap(text, user, user); err == nil {
			t.Errorf("%q is taken: %v %v", text, uids, gids)
		}
	}
}
