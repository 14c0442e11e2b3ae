package plan

import "strconv"

// IDExtent maps Size ids from Container on to ids from Host on.
type IDExtent struct {
	Container uint32
	Host      uint32
	Size      uint32
}

// IDMap is an id mapping of a user namespace (user_namespaces(7)).
type IDMap []IDExtent

// File is the content of uid_map or gid_map.
func (m IDMap) File() string { return m.join(' ', '\n') }

// String is the form that plans print: container:host:size, comma-separated.
func (m IDMap) String() string { return m.join(':', ',') }

func (m IDMap) join(between, end byte) string {
	var b []byte
	for i, e := range m {
		if i > 0 {
			b = append(b, end)
		}
		b = strconv.AppendUint(b, uint64(e.Container), 10)
		b = append(b, between)
		b = strconv.AppendUint(b, uint64(e.Host), 10)
		b = append(b, between)
		b = strconv.AppendUint(b, uint64(e.Size), 10)
	}
	return string(b)
}

// ToHost gives the host's id of an id in the container.
func (m IDMap) ToHost(id uint32) (uint32, bool) {
	for _, e := range m {
		if id >= e.Container && uint64(id) < uint64(e.Container)+uint64(e.Size) {
			return e.Host + (id - e.Container), true
		}
	}
	return 0, false
}
