package stats

// Hugetlb is the use of huge pages of one size, in bytes.
type Hugetlb struct {
	Size    string // "2MB"
	Usage   uint64
	Max     uint64 // the highest use so far; v1
	Failcnt uint64
}

// HugetlbV1 reads the v1 controller: what is reserved where the kernel bounds
// that (Linux 5.7), else what is in use.
func HugetlbV1(d *Dir, sizes []string) []Hugetlb {
	var out []Hugetlb
	for _, size := range sizes {
		prefix := "hugetlb." + size + ".rsvd."
		if d.read(prefix+"usage_in_bytes") == "" {
			if prefix = "hugetlb." + size + "."; d.read(prefix+"usage_in_bytes") == "" {
				continue
			}
		}
		out = append(out, Hugetlb{
			Size: size, Usage: d.number(prefix + "usage_in_bytes"), Max: d.number(prefix + "max_usage_in_bytes"), Failcnt: d.number(prefix + "failcnt"),
		})
	}
	return out
}

// HugetlbV2 reads the v2 controller (cgroup-v2.rst, HugeTLB Interface Files).
func HugetlbV2(d *Dir, sizes []string) []Hugetlb {
	var out []Hugetlb
	for _, size := range sizes {
		prefix := "hugetlb." + size
		file := prefix + ".rsvd.current"
		if d.read(file) == "" {
			if file = prefix + ".current"; d.read(file) == "" {
				continue
			}
		}
		h := Hugetlb{Size: size, Usage: d.number(file)}
		d.flat(prefix+".events", func(key string, v uint64) {
			if key == "max" {
				h.Failcnt = v
			}
		})
		out = append(out, h)
	}
	return out
}
