package jinja

import (
	"math"
	"math/big"
)

// sliceBounds clips Python slice bounds to n and returns how many elements they take.
func sliceBounds(lo, hi, step Value, n int) (start, stride, count int, err error) {
	start, _, stride, count, err = sliceRange(lo, hi, step, n)
	return
}

func sliceRange(lo, hi, step Value, n int) (start, end, stride, count int, err error) {
	get := func(v Value, def int) (int, error) {
		switch v := v.(type) {
		case none:
			return def, nil
		case int64:
			return int(max(min(v, math.MaxInt32), math.MinInt32)), nil
		case bool:
			if v {
				return 1, nil
			}
			return 0, nil
		case *big.Int:
			return v.Sign() * math.MaxInt32, nil
		case *Undefined:
		}
		return 0, typeErr("slice indices must be integers or None or have an __index__ method")
	}
	if stride, err = get(step, 1); err != nil {
		return
	}
	if stride == 0 {
		err = valueErr("slice step cannot be zero")
		return
	}
	low, high := 0, n
	defLo, defHi := 0, n
	if stride < 0 {
		low, high = -1, n-1
		defLo, defHi = n-1, -1
	}
	clip := func(v Value, def int) (int, error) {
		i, err := get(v, def)
		if v != None && i < 0 {
			i += n
		}
		if v == None {
			return def, err
		}
		return max(low, min(i, high)), err
	}
	start, err = clip(lo, defLo)
	if err != nil {
		return
	}
	end, err = clip(hi, defHi)
	if err != nil {
		return
	}
	if stride > 0 && end > start {
		count = (end-start-1)/stride + 1
	} else if stride < 0 && end < start {
		count = (start-end-1)/-stride + 1
	}
	return start, end, stride, count, nil
}

// slice is obj[lo:hi:step].
func slice(st *state, obj, lo, hi, step Value) (Value, error) {
	switch o := obj.(type) {
	case *Undefined:
		return nil, o.err()
	case *Dict:
		return nil, typeErr("unhashable type: 'slice'")
	case *Str, *List, *Tuple, *rangeObj:
	default:
		return nil, typeErr("'%s' object is not subscriptable", typeName(obj))
	}
	n, err := length(st, obj)
	if err != nil {
		return nil, err
	}
	start, end, stride, count, err := sliceRange(lo, hi, step, n)
	if err != nil {
		return nil, err
	}
	switch o := obj.(type) {
	case *Str:
		return sliceStr(st, o, start, stride, count)
	case *rangeObj:
		return &rangeObj{o.start + int64(start)*o.step, o.start + int64(end)*o.step, o.step * int64(stride)}, nil
	case *List:
		items, err := sliceItems(st, o.items, start, stride, count)
		return &List{items: items}, err
	}
	items, err := sliceItems(st, obj.(*Tuple).items, start, stride, count)
	return &Tuple{items: items}, err
}

func sliceItems(st *state, items []Value, start, stride, count int) ([]Value, error) {
	if stride == 1 {
		return items[start : start+count : start+count], nil
	}
	if err := st.allocItems(count); err != nil {
		return nil, err
	}
	out := make([]Value, count)
	for i := range out {
		out[i] = items[start+i*stride]
	}
	return out, nil
}

func sliceStr(st *state, x *Str, start, stride, count int) (Value, error) {
	if count == 0 {
		return emptyStr.like(x), nil
	}
	if stride == 1 {
		from := x.offset(start)
		return x.sub(from, from+(&Str{s: x.s[from:]}).offset(count)), nil
	}
	if err := st.alloc(int64(len(x.s)) * 5); err != nil {
		return nil, err
	}
	offs := make([]int32, 0, len(x.s)+1)
	for p := range x.s {
		offs = append(offs, int32(p))
	}
	offs = append(offs, int32(len(x.s)))
	var w buf
	for i := range count {
		k := start + i*stride
		w.sub(x, int(offs[k]), int(offs[k+1]))
	}
	return w.done().like(x), nil
}
