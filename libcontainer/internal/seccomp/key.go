package seccomp

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// key names a compiled filter: a hash of all that its contents depend on.
type key [sha256.Size]byte

// keyOf returns the key of p's filter. Every field is written with its length
// or presence, so that no two profiles have one rendering. listenerPath and
// listenerMetadata are not part of a filter.
func keyOf(p *specs.LinuxSeccomp) key {
	b := make(rendering, 0, 16<<10)
	b = b.number(compilerVersion).text(Compiler).text(LibraryVersion()).number(uint64(native))
	b = b.text(string(p.DefaultAction)).optional(p.DefaultErrnoRet)
	b = b.number(uint64(len(p.Architectures)))
	for _, a := range p.Architectures {
		b = b.text(string(a))
	}
	// A missing list means the default flags, an empty one means none.
	if p.Flags == nil {
		b = append(b, 0)
	} else {
		b = append(b, 1).number(uint64(len(p.Flags)))
	}
	for _, f := range p.Flags {
		b = b.text(string(f))
	}
	b = b.number(uint64(len(p.Syscalls)))
	for i := range p.Syscalls {
		s := &p.Syscalls[i]
		b = b.text(string(s.Action)).optional(s.ErrnoRet).number(uint64(len(s.Args)))
		for j := range s.Args {
			a := &s.Args[j]
			b = b.number(uint64(a.Index)).number(a.Value).number(a.ValueTwo).text(string(a.Op))
		}
		b = b.number(uint64(len(s.Names)))
		for _, name := range s.Names {
			b = b.text(name)
		}
	}
	return sha256.Sum256(b)
}

// rendering is a profile as bytes.
type rendering []byte

func (b rendering) number(v uint64) rendering { return binary.AppendUvarint(b, v) }

func (b rendering) text(s string) rendering { return append(b.number(uint64(len(s))), s...) }

func (b rendering) optional(v *uint) rendering {
	if v == nil {
		return append(b, 0)
	}
	return append(b, 1).number(uint64(*v))
}
