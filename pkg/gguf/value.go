package gguf

import (
	"encoding/binary"
	"fmt"
	"iter"
	"math"
	"strconv"
	"strings"
	"unsafe"
)

// Value is one metadata value as stored. Values of a File may be given to a
// Writer and come out with the same bytes.
type Value struct {
	typ, elem ValueType
	n         int    // elements of an array
	raw       string // payload, little-endian; arrays without type and count
}

// Type is the type of the value.
func (v Value) Type() ValueType { return v.typ }

// Elem is the element type of an array.
func (v Value) Elem() ValueType { return v.elem }

// Len is the number of elements of an array, 0 for scalars.
func (v Value) Len() int { return v.n }

// Kind describes the type: "u32", "array of string".
func (v Value) Kind() string {
	if v.typ == Array {
		return "array of " + v.elem.String()
	}
	return v.typ.String()
}

// Uint returns any non-negative integer.
func (v Value) Uint() (uint64, bool) {
	if v.typ == U64 {
		return binary.LittleEndian.Uint64(v.bytes()), true
	}
	n, ok := v.Int()
	return uint64(n), ok && n >= 0
}

// Int returns any integer that fits int64.
func (v Value) Int() (int64, bool) { return intAt(v.typ, v.bytes()) }

// Float returns a f32 or f64.
func (v Value) Float() (float64, bool) { return floatAt(v.typ, v.bytes()) }

// Bool returns a bool.
func (v Value) Bool() (value, ok bool) { return v.typ == Bool && v.raw[0] != 0, v.typ == Bool }

// Str returns a string.
func (v Value) Str() (string, bool) {
	if v.typ != String {
		return "", false
	}
	return v.raw, true
}

// Strings walks an array of strings; nothing for other types.
func (v Value) Strings() iter.Seq2[int, string] {
	return func(yield func(int, string) bool) {
		if v.typ != Array || v.elem != String {
			return
		}
		rest := v.raw
		for i := range v.n {
			n := binary.LittleEndian.Uint64(unsafe.Slice(unsafe.StringData(rest), 8))
			if !yield(i, rest[8:8+n]) {
				return
			}
			rest = rest[8+n:]
		}
	}
}

// Text is the value for people: scalars in full, arrays as their kind, length
// and first elements.
func (v Value) Text() string {
	if v.typ == String {
		return v.raw
	}
	if v.typ != Array {
		return scalarText(v.typ, v.bytes())
	}
	const show = 4
	var parts []string
	if v.elem == String {
		for i, s := range v.Strings() {
			if i == show {
				break
			}
			parts = append(parts, strconv.Quote(s[:min(len(s), 32)]))
		}
	} else {
		size := valueTypes[v.elem].size
		for i := range min(v.n, show) {
			parts = append(parts, scalarText(v.elem, v.bytes()[i*size:]))
		}
	}
	if v.n > show {
		parts = append(parts, "...")
	}
	return fmt.Sprintf("%d × %s [%s]", v.n, v.elem, strings.Join(parts, ", "))
}

// bytes views the payload; it must not be written.
func (v Value) bytes() []byte { return unsafe.Slice(unsafe.StringData(v.raw), len(v.raw)) }

// element returns the bytes of element i of an array of fixed-size values.
func (v Value) element(i int) []byte { return v.bytes()[i*valueTypes[v.elem].size:] }

func intAt(t ValueType, b []byte) (int64, bool) {
	le := binary.LittleEndian
	switch t {
	case U8:
		return int64(b[0]), true
	case I8:
		return int64(int8(b[0])), true
	case U16:
		return int64(le.Uint16(b)), true
	case I16:
		return int64(int16(le.Uint16(b))), true
	case U32:
		return int64(le.Uint32(b)), true
	case I32:
		return int64(int32(le.Uint32(b))), true
	case I64:
		return int64(le.Uint64(b)), true
	case U64:
		n := le.Uint64(b)
		return int64(n), n <= math.MaxInt64
	}
	return 0, false
}

func floatAt(t ValueType, b []byte) (float64, bool) {
	switch t {
	case F32:
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(b))), true
	case F64:
		return math.Float64frombits(binary.LittleEndian.Uint64(b)), true
	}
	return 0, false
}

func scalarText(t ValueType, b []byte) string {
	switch t {
	case Bool:
		return strconv.FormatBool(b[0] != 0)
	case U64:
		return strconv.FormatUint(binary.LittleEndian.Uint64(b), 10)
	case F32:
		f, _ := floatAt(t, b)
		return strconv.FormatFloat(f, 'g', -1, 32)
	case F64:
		f, _ := floatAt(t, b)
		return strconv.FormatFloat(f, 'g', -1, 64)
	}
	n, _ := intAt(t, b)
	return strconv.FormatInt(n, 10)
}
