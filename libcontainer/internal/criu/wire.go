package criu

import (
	"encoding/binary"
	"errors"
)

// errMessage is a message that is not in the wire format of protocol buffers.
var errMessage = errors.New("criu sent a message that cannot be read")

// Wire types (protocol buffers, Encoding); those of groups and of 32 and 64 bits
// are in none of the messages here.
const (
	wireVarint = 0
	wireBytes  = 2
)

// message is a protocol buffer that is being written.
type message []byte

func (m *message) key(field, wire int) {
	*m = binary.AppendUvarint(*m, uint64(field)<<3|uint64(wire))
}

func (m *message) number(field int, v int64) {
	m.key(field, wireVarint)
	*m = binary.AppendUvarint(*m, uint64(v)) // negative numbers take ten bytes, as int32 is defined
}

// flag writes a flag that is set; one that is not is left out.
func (m *message) flag(field int, v bool) {
	if v {
		m.number(field, 1)
	}
}

func (m *message) bytes(field int, v []byte) {
	m.key(field, wireBytes)
	*m = append(binary.AppendUvarint(*m, uint64(len(v))), v...)
}

// text writes a string that is not empty.
func (m *message) text(field int, v string) {
	if v != "" {
		m.bytes(field, []byte(v))
	}
}

// fields calls f for each field of a message, with its number or its bytes.
func fields(b []byte, f func(field int, v uint64, data []byte) error) error {
	for len(b) > 0 {
		key, n := binary.Uvarint(b)
		if n <= 0 || key>>3 == 0 || key>>3 > 1<<29-1 {
			return errMessage
		}
		b = b[n:]
		var v uint64
		var data []byte
		switch key & 7 {
		case wireVarint:
			if v, n = binary.Uvarint(b); n <= 0 {
				return errMessage
			}
			b = b[n:]
		case wireBytes:
			size, n := binary.Uvarint(b)
			if n <= 0 || size > uint64(len(b)-n) {
				return errMessage
			}
			data, b = b[n:n+int(size)], b[n+int(size):]
		default:
			return errMessage
		}
		if err := f(int(key>>3), v, data); err != nil {
			return err
		}
	}
	return nil
}
