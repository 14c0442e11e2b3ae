package plan

import (
	"bytes"
	"encoding/binary"
	"reflect"
	"strings"
	"testing"
)

// allOps has one of each kind, in the order of their numbers.
var allOps = []Op{
	&Dumpable{}, &WriteFile{}, &ProcWrite{}, &Setns{}, &Unshare{}, &SyncMaps{}, &RootIDs{}, &Fork{}, &Sync{}, &Setsid{}, &Keyring{}, &Hostname{},
	&Domainname{}, &LoopbackUp{}, &Propagation{}, &RootOpen{}, &MountFS{}, &MountBind{}, &MountData{}, &MountAttr{}, &Mkdir{}, &Mknod{}, &Symlink{},
	&Mask{}, &ReadonlyPath{}, &Console{}, &Pivot{}, &RootPropagation{}, &RootReadonly{}, &StdioOwner{}, &Rlimit{}, &Scheduler{}, &IOPriority{},
	&Affinity{}, &CoreSchedule{}, &Personality{}, &MemoryPolicy{}, &Signals{}, &Umask{}, &Chdir{}, &CloseFrom{}, &Bounding{}, &Identity{}, &Capset{},
	&NoNewPrivileges{}, &FindExec{}, &Gate{}, &LandlockRuleset{}, &LandlockPath{}, &LandlockPort{}, &LandlockRestrict{}, &Seccomp{}, &Home{}, &Exec{},
	&ExecHost{}, &CloneSource{}, &SendFD{}, &RootHere{},
	&NoHugePages{}, &ControllingTerminal{}, &Listener{}, &CloseRange{}, &EmptyRoot{}, &OpenFS{}, &MakeNode{}, &AttachHere{}, &HoldNamespaces{},
}

func TestAllOps(t *testing.T) {
	for i, o := range allOps {
		if o.Kind() != Kind(i+1) {
			t.Fatalf("%T is kind %d, at place %d", o, o.Kind(), i+1)
		}
	}
	if next := Kind(len(allOps) + 1); Kind(len(allOps)).Call() == "" && next.Call() != "" {
		t.Errorf("kind %d is missing", next)
	}
}

// read is an independent reading of Encode's doc comment: what a decoder sees of
// a program.
func read(t *testing.T, raw []byte) (ops []record) {
	t.Helper()
	u32 := binary.NativeEndian.Uint32
	if len(raw) < 16 || len(raw)%8 != 0 || u32(raw) != magic || u32(raw[12:]) != uint32(len(raw)) {
		t.Fatalf("header % x of %d bytes", raw[:min(16, len(raw))], len(raw))
	}
	n := u32(raw[8:])
	for at := 16; at < len(raw); {
		rec := raw[at:]
		size := int(u32(rec[4:]))
		if size%8 != 0 || size > len(rec) {
			t.Fatalf("record of %d bytes, %d are left", size, len(rec))
		}
		rec = rec[:size]
		o := record{kind: Kind(binary.NativeEndian.Uint16(rec))}
		head := rec[8:]
		for range rec[2] {
			o.numbers = append(o.numbers, binary.NativeEndian.Uint64(head))
			head = head[8:]
		}
		for range rec[3] {
			off, n := int(u32(head)), int(u32(head[4:]))
			if rec[off+n] != 0 {
				t.Fatalf("kind %d: a string of %d bytes at %d without an end", o.kind, n, off)
			}
			o.strings = append(o.strings, rec[off:off+n])
			o.aligned = append(o.aligned, (at+off)%8 == 0)
			head = head[8:]
		}
		ops = append(ops, o)
		at += size
	}
	if len(ops) != int(n) {
		t.Fatalf("%d ops, the header says %d", len(ops), n)
	}
	return ops
}

type record struct {
	kind    Kind
	numbers []uint64
	strings [][]byte
	aligned []bool
}

// FuzzProgram fills ops of every kind with anything, and reads them again: no
// field is lost, cut, moved to another or taken for one.
func FuzzProgram(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("\x10\x01\x02\x03/bundle/rootfs\x00"))
	f.Add([]byte(strings.Repeat("\x11\xff\x00\x08abcdefgh\x00\x01x", 20)))
	f.Add([]byte("\x2c\x00\x00\x2d\x34\x05/bin/\x03a=b\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		in := source{data}
		var p Program
		for len(in.b) > 0 && len(p) < 64 {
			o := reflect.New(reflect.TypeOf(allOps[int(in.byte())%len(allOps)]).Elem())
			fill(&in, o.Elem())
			p = append(p, InitOp{Op: o.Interface().(Op)})
		}
		for i, o := range read(t, p.Encode()) {
			if o.kind != p[i].Op.Kind() {
				t.Fatalf("op %d: kind %d, want %d", i, o.kind, p[i].Op.Kind())
			}
			compareOp(t, o, reflect.ValueOf(p[i].Op).Elem())
			if text := Line(p[i].Op); text == "" || strings.Contains(text, "\n") {
				t.Fatalf("op %d is printed as %q", i, text)
			}
		}
	})
}

// source gives numbers and strings out of bytes.
type source struct{ b []byte }

func (s *source) byte() (v byte) {
	if len(s.b) > 0 {
		v, s.b = s.b[0], s.b[1:]
	}
	return v
}

func (s *source) uint64() uint64 {
	v := uint64(s.byte())
	if v >= 0xc0 { // a wide one
		for range 7 {
			v = v<<8 | uint64(s.byte())
		}
	}
	return v
}

func (s *source) text(nul bool) string {
	n := min(int(s.byte()), len(s.b))
	v := string(s.b[:n])
	s.b = s.b[n:]
	if !nul {
		v = strings.ReplaceAll(v, "\x00", "0")
	}
	return v
}

func fill(in *source, v reflect.Value) {
	for i := range v.NumField() {
		switch f := v.Field(i); f.Kind() {
		case reflect.String:
			f.SetString(in.text(false))
		case reflect.Slice:
			if f.Type().Elem().Kind() == reflect.Uint8 {
				f.SetBytes([]byte(in.text(true)))
				break
			}
			for range in.byte() % 5 {
				f.Set(reflect.Append(f, reflect.ValueOf(in.text(false))))
			}
		default:
			if f.CanUint() {
				f.SetUint(in.uint64())
			} else {
				f.SetInt(int64(in.uint64()))
			}
		}
	}
}

func compareOp(t *testing.T, o record, v reflect.Value) {
	t.Helper()
	numbers, stringsLeft, aligned := o.numbers, o.strings, o.aligned
	for i := range v.NumField() {
		name := v.Type().String() + "." + v.Type().Field(i).Name
		switch f := v.Field(i); f.Kind() {
		case reflect.String, reflect.Slice:
			if len(stringsLeft) == 0 {
				t.Fatalf("%s is lost", name)
			}
			var want []byte
			switch x := f.Interface().(type) {
			case string:
				want = []byte(x)
			case []byte:
				want = x
				if !aligned[0] {
					t.Fatalf("%s is not aligned", name)
				}
			case []string:
				for _, s := range x {
					want = append(append(want, s...), 0)
				}
			}
			if !bytes.Equal(stringsLeft[0], want) {
				t.Fatalf("%s: %q, want %q", name, stringsLeft[0], want)
			}
			stringsLeft, aligned = stringsLeft[1:], aligned[1:]
		default:
			var want uint64
			if f.CanUint() {
				want = f.Uint()
			} else {
				want = uint64(f.Int())
			}
			if len(numbers) == 0 || numbers[0] != want {
				t.Fatalf("%s: %d, want %d", name, numbers, want)
			}
			numbers = numbers[1:]
		}
	}
	if len(numbers)+len(stringsLeft) > 0 {
		t.Fatalf("%s: %d and %q are left over", v.Type(), numbers, stringsLeft)
	}
}
