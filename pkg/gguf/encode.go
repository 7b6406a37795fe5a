package gguf

import (
	"encoding/binary"
	"fmt"
	"math"
)

// appendValue appends type and payload of a Go value to b. The Go type decides
// the GGUF type; int and uint are refused because their width is not said.
func appendValue(b []byte, value any) ([]byte, error) {
	le := binary.LittleEndian
	typ := func(t ValueType) []byte { return le.AppendUint32(b, uint32(t)) }
	switch x := value.(type) {
	case Value:
		return appendStored(b, x)
	case uint8:
		return append(typ(U8), x), nil
	case int8:
		return append(typ(I8), byte(x)), nil
	case uint16:
		return le.AppendUint16(typ(U16), x), nil
	case int16:
		return le.AppendUint16(typ(I16), uint16(x)), nil
	case uint32:
		return le.AppendUint32(typ(U32), x), nil
	case int32:
		return le.AppendUint32(typ(I32), uint32(x)), nil
	case float32:
		return le.AppendUint32(typ(F32), math.Float32bits(x)), nil
	case bool:
		return append(typ(Bool), boolByte(x)), nil
	case string:
		if len(x) > MaxString {
			return nil, fmt.Errorf("string of %d bytes, at most %d are allowed", len(x), MaxString)
		}
		return appendString(typ(String), x), nil
	case uint64:
		return le.AppendUint64(typ(U64), x), nil
	case int64:
		return le.AppendUint64(typ(I64), uint64(x)), nil
	case float64:
		return le.AppendUint64(typ(F64), math.Float64bits(x)), nil
	case []uint8:
		return append(array(b, U8, len(x)), x...), nil
	case []int8:
		return each(array(b, I8, len(x)), x, func(b []byte, e int8) []byte { return append(b, byte(e)) }), nil
	case []uint16:
		return each(array(b, U16, len(x)), x, le.AppendUint16), nil
	case []int16:
		return each(array(b, I16, len(x)), x, func(b []byte, e int16) []byte { return le.AppendUint16(b, uint16(e)) }), nil
	case []uint32:
		return each(array(b, U32, len(x)), x, le.AppendUint32), nil
	case []int32:
		return each(array(b, I32, len(x)), x, func(b []byte, e int32) []byte { return le.AppendUint32(b, uint32(e)) }), nil
	case []float32:
		return each(array(b, F32, len(x)), x, func(b []byte, e float32) []byte { return le.AppendUint32(b, math.Float32bits(e)) }), nil
	case []bool:
		return each(array(b, Bool, len(x)), x, func(b []byte, e bool) []byte { return append(b, boolByte(e)) }), nil
	case []string:
		return each(array(b, String, len(x)), x, appendString), nil
	case []uint64:
		return each(array(b, U64, len(x)), x, le.AppendUint64), nil
	case []int64:
		return each(array(b, I64, len(x)), x, func(b []byte, e int64) []byte { return le.AppendUint64(b, uint64(e)) }), nil
	case []float64:
		return each(array(b, F64, len(x)), x, func(b []byte, e float64) []byte { return le.AppendUint64(b, math.Float64bits(e)) }), nil
	}
	return nil, fmt.Errorf("Go type %T has no GGUF type", value)
}

// appendStored appends a value taken from a File.
func appendStored(b []byte, v Value) ([]byte, error) {
	le := binary.LittleEndian
	switch {
	case v.raw == "" && v.typ != String && v.typ != Array:
		return nil, fmt.Errorf("the zero Value has no GGUF type")
	case v.typ == Array:
		b = array(b, v.elem, v.n)
	case v.typ == String:
		b = le.AppendUint64(le.AppendUint32(b, uint32(String)), uint64(len(v.raw)))
	default:
		b = le.AppendUint32(b, uint32(v.typ))
	}
	return append(b, v.raw...), nil
}

func array(b []byte, elem ValueType, n int) []byte {
	le := binary.LittleEndian
	b = le.AppendUint32(b, uint32(Array))
	b = le.AppendUint32(b, uint32(elem))
	return le.AppendUint64(b, uint64(n))
}

func each[E any](b []byte, all []E, add func([]byte, E) []byte) []byte {
	for _, e := range all {
		b = add(b, e)
	}
	return b
}

func appendString(b []byte, s string) []byte {
	return append(binary.LittleEndian.AppendUint64(b, uint64(len(s))), s...)
}

func boolByte(x bool) byte {
	if x {
		return 1
	}
	return 0
}
