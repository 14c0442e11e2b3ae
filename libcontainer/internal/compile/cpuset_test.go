package compile

import (
	"encoding/binary"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// numbers lists the bits of a mask.
func numbers(t *testing.T, mask []byte) (list []int) {
	t.Helper()
	if len(mask)%8 != 0 {
		t.Fatalf("%d bytes are no whole words", len(mask))
	}
	for i := 0; i < len(mask); i += 8 {
		w := binary.NativeEndian.Uint64(mask[i:])
		for b := range 64 {
			if w>>b&1 != 0 {
				list = append(list, i*8+b)
			}
		}
	}
	return list
}

func TestCPUMask(t *testing.T) {
	for _, c := range []struct {
		list  string
		want  []int
		bytes int
	}{
		{"", nil, 0},
		{" ", nil, 0},
		{",", nil, 0},
		{"0", []int{0}, 8},
		{"1", []int{1}, 8},
		{"0-1", []int{0, 1}, 8},
		{"0,1", []int{0, 1}, 8},
		{"0-3,5", []int{0, 1, 2, 3, 5}, 8},
		{"5,0-3,2", []int{0, 1, 2, 3, 5}, 8},
		{"7-7", []int{7}, 8},
		{"0-3, 5\n", []int{0, 1, 2, 3, 5}, 8},
		{" 1 - 2 ,", []int{1, 2}, 8},
		{"63", []int{63}, 8},
		{"64", []int{64}, 16},
		{"1024", []int{1024}, 136},
		{"8191", []int{8191}, 1024},
		{"0-7:2/4", []int{0, 1, 4, 5}, 8},
		{"1-10:1/5", []int{1, 6}, 8},
		{"0-3:0/2", nil, 8},
		{"3:1/1", []int{3}, 8},
		{"007", []int{7}, 8},
	} {
		mask, err := cpuMask(c.list)
		if err != nil {
			t.Errorf("%q: %v", c.list, err)
			continue
		}
		if got := numbers(t, mask); !slices.Equal(got, c.want) || len(mask) != c.bytes {
			t.Errorf("%q: %v in %d bytes, want %v in %d", c.list, got, len(mask), c.want, c.bytes)
		}
	}
}

func TestCPUMask_invalid(t *testing.T) {
	for _, list := range []string{
		"a", "-", "-1", "1-", "3-1", "1-2-3", "+1", "0x1", "1_0", "1.5", "1;2", "1 2", "all", "^1", "0-3:", "0-3:2", "0-3:2/", "0-3:/2", "0-3:2/0", "0-3:3/2", "0-3:1/2/3", "١",
	} {
		if mask, err := cpuMask(list); err == nil {
			t.Errorf("%q: accepted as %v", list, numbers(t, mask))
		} else if !strings.Contains(err.Error(), strconv.Quote(list)+" is not a list") {
			t.Errorf("%q: %v", list, err)
		}
	}
	for _, list := range []string{"8192", "0-9876543210", "0,99999999999999999999999", "99999999999999999999-99999999999999999999"} {
		if _, err := cpuMask(list); err == nil || !strings.Contains(err.Error(), "numbers end at 8191") {
			t.Errorf("%q: %v", list, err)
		}
	}
}

func FuzzCPUMask(f *testing.F) {
	for _, s := range []string{"", "1", "0-3,5", "0-31:2/8", "8191", "9999999999", " 1 - 2 ,", "3-1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		mask, err := cpuMask(s)
		if err != nil {
			return
		}
		if len(mask) > maxListed/8 {
			t.Fatalf("%q: %d bytes", s, len(mask))
		}
		want := numbers(t, mask)
		var b []byte
		for _, n := range want {
			b = strconv.AppendInt(append(b, ','), int64(n), 10)
		}
		again, err := cpuMask(string(b))
		if err != nil || !slices.Equal(numbers(t, again), want) {
			t.Errorf("%q: written out as %q: %v", s, b, err)
		}
	})
}
