// Package plan holds the data that compile produces and that the two sides of
// a container's creation carry out: the runtime half in Go, the init half as a
// flat program for the C op loop in nsenter. It holds types, the binary codec
// and the text printer, and no decisions.
package plan

//go:generate go run ./gen ops_gen.go ../../../nsenter/ops.h

import (
	"encoding/binary"
	"strconv"
	"strings"
	"unsafe"
)

// FD is the number of a descriptor that the init inherits; NoFD means none.
type FD int32

// Descriptors that every init inherits. They lie at 100 and above because Go's
// fork moves low numbers about; the caller's own (stdio, LISTEN_FDS,
// --preserve-fds) keep theirs. In the runtime itself descriptors stay low: in a
// process with threads a table that grows past 64 waits for an RCU grace period.
const (
	NoFD         FD = -1
	FDControl    FD = 100 // the SOCK_SEQPACKET channel to the runtime
	FDProgram    FD = 101 // the sealed memfd that holds the program
	FDExecutable FD = 102 // what the init was executed from; closed at once
	FDGate       FD = 103 // the listening gate socket (create only)
	FDFirst      FD = 104 // the first of the plan's own
)

// Op is one step of the init program.
type Op interface {
	// Kind is the op's number on the wire.
	Kind() Kind
	// at is where the op's fields are: opField has offsets from there.
	at() unsafe.Pointer
}

// opRow says what there is to say of a kind of op, beside its type.
type opRow struct {
	label  Label
	call   string // see Kind.Call
	waits  bool   // see Kind.Waits
	fields []opField
}

// opField is a field of an op.
type opField struct {
	key    string // as plans print it
	offset uintptr
	kind   fieldKind
	show   func(uint64) string // prints a number, nil for a decimal one
}

// fieldKind says how a field lies in memory; numbers travel as a u64 each.
type fieldKind uint8

const (
	fieldU64 fieldKind = iota // uint64 or int64
	fieldU32
	fieldFD
	fieldStr
	fieldBytes
	fieldList
)

// Call is the system call that an op of the kind is, and nothing else; "" for one that is several, or work of its own.
func (k Kind) Call() string { return k.row().call }

// Waits says that an op of the kind waits for the runtime.
func (k Kind) Waits() bool { return k.row().waits }

// Label is what an op of the kind is called, with the code of its errors.
func (k Kind) Label() Label { return k.row().label }

func (k Kind) row() *opRow {
	if int(k) >= len(opTable) {
		k = kindNone
	}
	return &opTable[k]
}

// InitOp is an op with the JSON path of the config field that it comes from.
// Origins stay in Go: the init reports an index.
type InitOp struct {
	Origin string
	Op     Op
}

// Program is the init half of a plan, in order.
type Program []InitOp

const (
	magic        = 0x474e5552
	version      = 1
	timed        = 1 // flag
	headerSize   = 16
	recordAlign  = 8
	recordHeader = 8
	stringHeader = 8
)

// Encode renders the program in the form that nsenter's decoder reads:
// a header {magic u32, version u16, flags u16, ops u32, bytes u32}, then for each op {kind u16, numbers
// u8, strings u8, bytes u32}, the numbers as u64, {offset, length} u32 for each
// string, and the strings, NUL-terminated, padded to 8 bytes. Native byte
// order: both ends are the same binary.
func (p Program) Encode() []byte { return p.encode(0) }

// EncodeTimed is Encode with the order to tell, in messages MsgTimes, when each
// op has ended.
func (p Program) EncodeTimed() []byte { return p.encode(timed) }

func (p Program) encode(flags uint16) []byte {
	e := encoder{buf: make([]byte, headerSize, 8<<10)}
	for _, o := range p {
		e.op(o.Op)
	}
	binary.NativeEndian.PutUint32(e.buf[0:], magic)
	binary.NativeEndian.PutUint16(e.buf[4:], version)
	binary.NativeEndian.PutUint16(e.buf[6:], flags)
	binary.NativeEndian.PutUint32(e.buf[8:], uint32(len(p)))
	binary.NativeEndian.PutUint32(e.buf[12:], uint32(len(e.buf)))
	return e.buf
}

type encoder struct {
	buf     []byte
	start   int // of the record
	next    int // offset of the next number
	strings int // offset of the next string header
}

func (e *encoder) op(o Op) {
	kind, at := o.Kind(), o.at()
	fields := opTable[kind].fields
	numbers := 0
	for i := range fields {
		if fields[i].kind < fieldStr {
			numbers++
		}
	}
	e.begin(kind, numbers, len(fields)-numbers)
	for i := range fields {
		if f := &fields[i]; f.kind < fieldStr {
			e.num(f.number(at))
		}
	}
	for i := range fields {
		switch f := &fields[i]; f.kind {
		case fieldStr:
			e.str(*(*string)(unsafe.Add(at, f.offset)))
		case fieldBytes:
			e.bytes(*(*[]byte)(unsafe.Add(at, f.offset)))
		case fieldList:
			e.list(*(*[]string)(unsafe.Add(at, f.offset)))
		}
	}
	e.end()
}

// number is the value of a field that is one.
func (f *opField) number(at unsafe.Pointer) uint64 {
	switch p := unsafe.Add(at, f.offset); f.kind {
	case fieldU32:
		return uint64(*(*uint32)(p))
	case fieldFD:
		return uint64(*(*FD)(p))
	default:
		return *(*uint64)(p)
	}
}

func (e *encoder) begin(k Kind, numbers, stringCount int) {
	e.start = len(e.buf)
	e.buf = binary.NativeEndian.AppendUint16(e.buf, uint16(k))
	e.buf = append(e.buf, byte(numbers), byte(stringCount))
	e.buf = binary.NativeEndian.AppendUint32(e.buf, 0)
	e.strings = e.start + recordHeader + 8*numbers
	for range numbers + stringCount {
		e.buf = append(e.buf, 0, 0, 0, 0, 0, 0, 0, 0)
	}
	e.next = e.start + recordHeader
}

func (e *encoder) num(v uint64) {
	binary.NativeEndian.PutUint64(e.buf[e.next:], v)
	e.next += 8
}

func (e *encoder) open() int { return len(e.buf) - e.start }

func (e *encoder) close(offset, length int) {
	e.buf = append(e.buf, 0)
	binary.NativeEndian.PutUint32(e.buf[e.strings:], uint32(offset))
	binary.NativeEndian.PutUint32(e.buf[e.strings+4:], uint32(length))
	e.strings += stringHeader
}

func (e *encoder) str(s string) {
	at := e.open()
	e.buf = append(e.buf, s...)
	e.close(at, len(s))
}

func (e *encoder) bytes(b []byte) {
	for len(e.buf)%recordAlign != 0 {
		e.buf = append(e.buf, 0)
	}
	at := e.open()
	e.buf = append(e.buf, b...)
	e.close(at, len(b))
}

func (e *encoder) list(l []string) {
	at := e.open()
	n := 0
	for _, s := range l {
		e.buf = append(e.buf, s...)
		e.buf = append(e.buf, 0)
		n += len(s) + 1
	}
	e.close(at, n)
}

func (e *encoder) end() {
	for len(e.buf)%recordAlign != 0 {
		e.buf = append(e.buf, 0)
	}
	binary.NativeEndian.PutUint32(e.buf[e.start+4:], uint32(len(e.buf)-e.start))
}

func enumName(names []string, v uint32) string {
	if int(v) < len(names) {
		return names[v]
	}
	return strconv.Itoa(int(v))
}

func flagNames(names []string, v uint64) string {
	var out []string
	for i, n := range names {
		if v&(1<<i) != 0 {
			out = append(out, n)
			v &^= 1 << i
		}
	}
	if v != 0 {
		out = append(out, "0x"+strconv.FormatUint(v, 16))
	}
	return strings.Join(out, "|")
}
