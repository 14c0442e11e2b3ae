package mountinfo

import (
	"os"
	"slices"
	"strings"
	"testing"
)

func TestAll(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("/layer:", 20000)
	text := "22 1 0:20 / / rw,relatime shared:1 - ext4 /dev/vda rw\n" +
		`30 22 0:30 /x\011y /a\040b\134 rw master:2 propagate_from:3 - tmpfs a\040b rw,size=4k` + "\n" +
		"damaged\n" +
		"x 22 0:31 / /c rw - tmpfs tmpfs rw\n" +
		"31 22 0:31 / /c rw\n" + // no dash
		"31 22 0:31 / /c - tmpfs\n" +
		"32 22 0:32 / /merged rw - overlay overlay rw,lowerdir=" + long + "\n" +
		"33 22 0:33 / /odd\\9 rw - fuse.x  rw" // an empty source, no line end
	want := []Mount{
		{ID: 22, Parent: 1, Device: "0:20", Root: "/", Point: "/", Type: "ext4", Options: "rw"},
		{ID: 30, Parent: 22, Device: "0:30", Root: "/x\ty", Point: `/a b\`, Escaped: true, Type: "tmpfs", Options: "rw,size=4k"},
		{ID: 32, Parent: 22, Device: "0:32", Root: "/", Point: "/merged", Type: "overlay", Options: "rw,lowerdir=" + long},
		{ID: 33, Parent: 22, Device: "0:33", Root: "/", Point: `/odd\9`, Escaped: true, Type: "fuse.x", Options: "rw"},
	}
	if got := slices.Collect(All(text)); !slices.Equal(got, want) {
		t.Errorf("%.500v\nwant %.500v", got, want)
	}
	for m := range All(text) {
		if m.ID != 22 {
			t.Errorf("%v after the loop has ended", m)
		}
		break
	}
}

func TestAll_of_this_process(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	if list := slices.Collect(All(string(text))); len(list) != strings.Count(string(text), "\n") {
		t.Errorf("%d mounts in\n%s", len(list), text)
	}
}

// A container chooses the names of its mounts, not what the kernel does with them.
func FuzzAll(f *testing.F) {
	f.Add(`30 22 0:30 /x /a\040b\134 rw master:2 - tmpfs tmpfs rw`)
	f.Add("1 1 0:1 / / - - - - \\\\0\\400")
	f.Fuzz(func(t *testing.T, text string) {
		n := 0
		for m := range All(text) {
			n++
			if len(m.Point)+len(m.Root)+len(m.Options)+len(m.Type) > len(text) {
				t.Errorf("%+v is longer than %q", m, text)
			}
			if !m.Escaped && strings.ContainsAny(m.Point, " \n\\") {
				t.Errorf("%+v out of %q", m, text)
			}
		}
		if n > strings.Count(text, "\n")+1 {
			t.Errorf("%d mounts in %q", n, text)
		}
	})
}
