package jinja

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
)

// Dict is an ordered Python dict. Up to dictScan entries are searched linearly, more through an index.
type Dict struct {
	keys  []Value
	vals  []Value
	index map[any]int
}

const dictScan = 8

// Len is the number of entries.
func (d *Dict) Len() int { return len(d.keys) }

// hashKey maps equal Python keys to equal Go keys: 1, 1.0 and True are one key.
func hashKey(v Value, depth int) (any, error) {
	switch v := v.(type) {
	case *Str:
		return v.s, nil
	case int64:
		return v, nil
	case bool:
		if v {
			return int64(1), nil
		}
		return int64(0), nil
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1<<62 {
			return int64(v), nil
		}
		if v == math.Trunc(v) && !math.IsInf(v, 0) {
			b, _ := big.NewFloat(v).Int(nil)
			return bigKey(b.String()), nil
		}
		return v, nil
	case *big.Int:
		return bigKey(v.String()), nil
	case *Undefined:
		return undefKey{}, nil
	case *dictView:
		if v.kind != viewValues {
			return nil, typeErr("unhashable type: '%s'", typeName(v))
		}
	case *List, *Dict:
		return nil, typeErr("unhashable type: '%s'", typeName(v))
	case *Tuple:
		if depth > nestLimit {
			return nil, errf(KindRecursion, "tuple nested more than %d levels deep", nestLimit)
		}
		var b strings.Builder
		for _, it := range v.items {
			k, err := hashKey(it, depth+1)
			if err != nil {
				return nil, err
			}
			writeKey(&b, k)
		}
		return tupleKey(b.String()), nil
	}
	return v, nil
}

type (
	bigKey   string
	tupleKey string
	undefKey struct{}
)

func writeKey(b *strings.Builder, k any) {
	part := func(tag byte, s string) {
		b.WriteByte(tag)
		b.WriteString(strconv.Itoa(len(s)))
		b.WriteByte(':')
		b.WriteString(s)
	}
	switch k := k.(type) {
	case string:
		part('s', k)
	case int64:
		part('i', strconv.FormatInt(k, 10))
	case float64:
		part('f', strconv.FormatUint(math.Float64bits(k), 16))
	case bigKey:
		part('i', string(k))
	case tupleKey:
		part('t', string(k))
	case undefKey:
		part('u', "")
	case none:
		part('n', "")
	default:
		part('o', fmt.Sprintf("%p", k))
	}
}

func (d *Dict) find(key any) int {
	if d.index != nil {
		if i, ok := d.index[key]; ok {
			return i
		}
		return -1
	}
	if s, ok := key.(string); ok {
		for i, k := range d.keys {
			if ks, ok := k.(*Str); ok && ks.s == s {
				return i
			}
		}
		return -1
	}
	for i, k := range d.keys {
		if hk, err := hashKey(k, 0); err == nil && hk == key {
			return i
		}
	}
	return -1
}

func (d *Dict) put(key any, k, v Value) {
	if i := d.find(key); i >= 0 {
		d.vals[i] = v
		return
	}
	d.keys = append(d.keys, k)
	d.vals = append(d.vals, v)
	if d.index != nil {
		d.index[key] = len(d.keys) - 1
	} else if len(d.keys) > dictScan {
		d.index = make(map[any]int, 2*len(d.keys))
		for i, k := range d.keys {
			hk, _ := hashKey(k, 0)
			d.index[hk] = i
		}
	}
}

// set stores v under k. Unhashable keys are a TypeError.
func (d *Dict) set(k, v Value) error {
	key, err := hashKey(k, 0)
	if err != nil {
		return err
	}
	d.put(key, k, v)
	return nil
}

// get returns nil when k is absent.
func (d *Dict) get(k Value) (Value, error) {
	key, err := hashKey(k, 0)
	if err != nil {
		return nil, err
	}
	if i := d.find(key); i >= 0 {
		return d.vals[i], nil
	}
	return nil, nil
}

func (d *Dict) getName(name string) Value {
	if i := d.find(name); i >= 0 {
		return d.vals[i]
	}
	return nil
}

type viewKind uint8

const (
	viewKeys viewKind = iota
	viewValues
	viewItems
)

func (k viewKind) String() string {
	return [...]string{"dict_keys", "dict_values", "dict_items"}[k]
}

// dictView is what keys(), values() and items() return.
type dictView struct {
	d    *Dict
	kind viewKind
}

func (v *dictView) at(i int) Value {
	switch v.kind {
	case viewKeys:
		return v.d.keys[i]
	case viewValues:
		return v.d.vals[i]
	}
	return &Tuple{items: []Value{v.d.keys[i], v.d.vals[i]}}
}
