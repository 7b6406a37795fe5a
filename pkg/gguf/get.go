package gguf

import (
	"iter"
	"math"
)

// The getters below look a key up and convert its value. They report false
// (or nil) when the key is absent or of another kind; Has and Value tell which.
// Integers convert between all widths and signs that hold the number, floats
// between both widths where nothing is lost by it; nothing else converts.

// Has reports whether the key exists, whatever its type.
func (f *File) Has(key string) bool { _, ok := f.Value(key); return ok }

// Keys lists all keys in file order.
func (f *File) Keys() []string { return append([]string(nil), f.head.keys...) }

// KV returns all entries in file order for a Writer, except those that say how
// this File is split.
func (f *File) KV() []KV {
	kvs := make([]KV, 0, len(f.head.keys))
	for i, key := range f.head.keys {
		if key != keySplitNo && key != keySplitCount && key != keySplitTensors {
			kvs = append(kvs, KV{key, f.head.values[i]})
		}
	}
	return kvs
}

// Value returns the value as stored.
func (f *File) Value(key string) (Value, bool) { return f.head.value(key) }

// Kind is the type of a key, "u32" or "array of string"; "" when it is absent.
func (f *File) Kind(key string) string {
	v, ok := f.Value(key)
	if !ok {
		return ""
	}
	return v.Kind()
}

// String returns a string value.
func (f *File) String(key string) (string, bool) {
	v, ok := f.Value(key)
	if !ok {
		return "", false
	}
	return v.Str()
}

// Uint returns an integer that is not negative.
func (f *File) Uint(key string) (uint64, bool) {
	v, ok := f.Value(key)
	if !ok {
		return 0, false
	}
	return v.Uint()
}

// Int returns an integer that fits int64.
func (f *File) Int(key string) (int64, bool) {
	v, ok := f.Value(key)
	if !ok {
		return 0, false
	}
	return v.Int()
}

// Float returns a f32 or f64.
func (f *File) Float(key string) (float64, bool) {
	v, ok := f.Value(key)
	if !ok {
		return 0, false
	}
	return v.Float()
}

// Bool returns a bool.
func (f *File) Bool(key string) (value, ok bool) {
	v, ok := f.Value(key)
	if !ok {
		return false, false
	}
	return v.Bool()
}

// Strings returns an array of strings in one allocation: the strings share the
// header. It is nil when the key is absent or no array of strings, and empty,
// not nil, for an empty array.
func (f *File) Strings(key string) []string {
	v, ok := f.array(key, String)
	if !ok {
		return nil
	}
	all := make([]string, 0, v.n)
	for _, s := range v.Strings() {
		all = append(all, s)
	}
	return all
}

// StringSeq walks an array of strings without allocating; ok as in Strings.
func (f *File) StringSeq(key string) (seq iter.Seq2[int, string], ok bool) {
	v, ok := f.array(key, String)
	return v.Strings(), ok
}

// Int32s returns an array of integers that all fit int32.
func (f *File) Int32s(key string) ([]int32, bool) {
	return collect(f, key, func(v Value, i int) (int32, bool) {
		n, ok := intAt(v.elem, v.element(i))
		return int32(n), ok && n >= math.MinInt32 && n <= math.MaxInt32
	})
}

// Int64s returns an array of integers that all fit int64.
func (f *File) Int64s(key string) ([]int64, bool) {
	return collect(f, key, func(v Value, i int) (int64, bool) { return intAt(v.elem, v.element(i)) })
}

// Float32s returns an array of f32, or of f64 that are f32 numbers.
func (f *File) Float32s(key string) ([]float32, bool) {
	return collect(f, key, func(v Value, i int) (float32, bool) {
		x, ok := floatAt(v.elem, v.element(i))
		return float32(x), ok && (float64(float32(x)) == x || x != x)
	})
}

// Bools returns an array of bools.
func (f *File) Bools(key string) ([]bool, bool) {
	return collect(f, key, func(v Value, i int) (bool, bool) { return v.element(i)[0] != 0, v.elem == Bool })
}

func (f *File) array(key string, elem ValueType) (Value, bool) {
	v, ok := f.Value(key)
	if !ok || v.typ != Array || v.elem != elem {
		return Value{}, false
	}
	return v, true
}

// collect converts every element of an array of fixed-size values. An empty
// array is of every type.
func collect[T any](f *File, key string, at func(Value, int) (T, bool)) ([]T, bool) {
	v, ok := f.Value(key)
	if !ok || v.typ != Array || v.elem == String && v.n > 0 {
		return nil, false
	}
	all := make([]T, v.n)
	for i := range all {
		if all[i], ok = at(v, i); !ok {
			return nil, false
		}
	}
	return all, true
}
