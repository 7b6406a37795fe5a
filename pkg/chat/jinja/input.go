package jinja

import (
	"encoding/json"
	"io"
	"iter"
	"math/big"
	"strings"
)

// Trusted is a string whose special tokens may act as such: bos_token, or text the operator wrote.
type Trusted string

// Map is an ordered map with string keys, the form in which objects enter a template. The values may be nil,
// bool, int, int64, *big.Int, float64, string (untrusted), Trusted, []any, []string, []*Map and *Map.
// The zero value is empty and ready.
type Map struct {
	keys  []string
	vals  []any
	index map[string]int
}

// Pairs makes a map of alternating keys and values; it panics when a key is no string.
func Pairs(kv ...any) *Map {
	m := &Map{}
	for i := 0; i+1 < len(kv); i += 2 {
		m.Set(kv[i].(string), kv[i+1])
	}
	return m
}

// Set stores v under key, which keeps its place if it is there already.
func (m *Map) Set(key string, v any) {
	if i, ok := m.index[key]; ok {
		m.vals[i] = v
		return
	}
	if m.index == nil {
		m.index = map[string]int{}
	}
	m.index[key] = len(m.keys)
	m.keys = append(m.keys, key)
	m.vals = append(m.vals, v)
}

// Get returns the value of key.
func (m *Map) Get(key string) (any, bool) {
	if m == nil {
		return nil, false
	}
	i, ok := m.index[key]
	if !ok {
		return nil, false
	}
	return m.vals[i], true
}

// Len is the number of keys.
func (m *Map) Len() int {
	if m == nil {
		return 0
	}
	return len(m.keys)
}

// All walks the entries in order.
func (m *Map) All() iter.Seq2[string, any] {
	return func(yield func(string, any) bool) {
		if m == nil {
			return
		}
		for i, k := range m.keys {
			if !yield(k, m.vals[i]) {
				return
			}
		}
	}
}

// UnmarshalJSON reads an object in the order of its keys.
func (m *Map) UnmarshalJSON(data []byte) error {
	v, err := DecodeJSON(data)
	if err != nil {
		return err
	}
	o, ok := v.(*Map)
	if !ok {
		return errf(KindType, "JSON value is no object")
	}
	*m = *o
	return nil
}

// DecodeJSON reads one JSON value: objects become *Map, arrays []any, numbers int64, *big.Int or float64.
// Of equal keys the last wins, as in Python.
func DecodeJSON(data []byte) (any, error) {
	d := json.NewDecoder(strings.NewReader(string(data)))
	d.UseNumber()
	v, err := decode(d, 0)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errf(KindValue, "JSON: extra data after the value at byte %d", d.InputOffset())
	}
	return v, nil
}

func decode(d *json.Decoder, depth int) (any, error) {
	if depth > nestLimit {
		return nil, errf(KindRecursion, "JSON nested more than %d levels deep", nestLimit)
	}
	tok, err := d.Token()
	if err != nil {
		return nil, errf(KindValue, "JSON: %v", err)
	}
	switch t := tok.(type) {
	case json.Delim:
		if t == '[' {
			out := []any{}
			for d.More() {
				v, err := decode(d, depth+1)
				if err != nil {
					return nil, err
				}
				out = append(out, v)
			}
			_, err := d.Token()
			return out, err
		}
		m := &Map{}
		for d.More() {
			k, err := d.Token()
			if err != nil {
				return nil, errf(KindValue, "JSON: %v", err)
			}
			v, err := decode(d, depth+1)
			if err != nil {
				return nil, err
			}
			m.Set(k.(string), v)
		}
		_, err := d.Token()
		return m, err
	case json.Number:
		if !strings.ContainsAny(string(t), ".eE") {
			neg := strings.HasPrefix(string(t), "-")
			v, err := parseInt(strings.TrimPrefix(string(t), "-"), 10)
			if neg && err == nil {
				return sign(v, '-')
			}
			return v, err
		}
		return strToFloat(string(t))
	}
	return tok, nil
}

// toValue converts an input to the values of the language.
func toValue(v any, depth int) (Value, error) {
	if depth > nestLimit {
		return nil, errf(KindRecursion, "input nested more than %d levels deep", nestLimit)
	}
	switch v := v.(type) {
	case nil:
		return None, nil
	case bool, int64, float64:
		return v, nil
	case int:
		return int64(v), nil
	case *big.Int:
		return normBig(v)
	case string:
		return newText(v, true), nil
	case Trusted:
		return newStr(string(v)), nil
	case []any:
		return toList(len(v), func(i int) any { return v[i] }, depth)
	case []string:
		return toList(len(v), func(i int) any { return v[i] }, depth)
	case []*Map:
		return toList(len(v), func(i int) any { return v[i] }, depth)
	case *Map:
		if v == nil {
			return &Dict{}, nil
		}
		d := &Dict{keys: make([]Value, 0, len(v.keys)), vals: make([]Value, 0, len(v.keys))}
		for i, k := range v.keys {
			x, err := toValue(v.vals[i], depth+1)
			if err != nil {
				return nil, err
			}
			d.put(k, newText(k, true), x)
		}
		return d, nil
	}
	return nil, typeErr("template variable of Go type %T", v)
}

func toList(n int, at func(i int) any, depth int) (Value, error) {
	l := &List{items: make([]Value, n)}
	for i := range n {
		v, err := toValue(at(i), depth+1)
		if err != nil {
			return nil, err
		}
		l.items[i] = v
	}
	return l, nil
}
