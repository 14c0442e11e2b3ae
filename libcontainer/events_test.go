package libcontainer

import (
	"slices"
	"strings"
	"testing"
)

const netDev = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:    6460      58    0    0    0     0          0         0     6460      58    0    0    0     0       0          0
  eth0: 473410659   13776    1    2    0     0          0         0   921533    9865    3    4    0     0       0          0
eth1:1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16
  bad: 1 2
`

func TestParseInterfaces(t *testing.T) {
	want := []Interface{
		{"eth0", 473410659, 13776, 1, 2, 921533, 9865, 3, 4},
		{"eth1", 1, 2, 3, 4, 9, 10, 11, 12},
	}
	if got := parseInterfaces(netDev); !slices.Equal(got, want) {
		t.Errorf("got %+v", got)
	}
}

func TestEvent_AppendJSON(t *testing.T) {
	for _, c := range []struct {
		name                  string
		e                     Event
		prefix, middle, sufix string
	}{
		{"oom", Event{Type: EventOOM, ID: "web"}, `{"type":"oom","id":"web"}`, "", ""},
		{
			"stats", Event{Type: EventStats, ID: "web", Data: &Stats{}},
			`{"type":"stats","id":"web","data":{"cpu":{"usage":{`, `"hugetlb":{},"intel_rdt":{}`, `,"network_interfaces":null}}`,
		},
		{
			"interfaces", Event{Type: EventStats, ID: "web", Data: &Stats{Interfaces: []Interface{{"eth0", 1, 2, 3, 4, 5, 6, 7, 8}}}},
			`{"type":"stats",`, `"intel_rdt":{}`,
			`,"network_interfaces":[{"Name":"eth0","RxBytes":1,"RxPackets":2,"RxErrors":3,"RxDropped":4,"TxBytes":5,"TxPackets":6,"TxErrors":7,"TxDropped":8}]}}`,
		},
	} {
		got := string(c.e.AppendJSON(nil))
		if !strings.HasPrefix(got, c.prefix) || !strings.Contains(got, c.middle) || !strings.HasSuffix(got, c.sufix) {
			t.Errorf("%s: %s", c.name, got)
		}
	}
}
