package jinja

import (
	"math"
	"math/big"
	"slices"
	"strings"
)

// compare is a op b for the comparison operators and in.
func compare(st *state, op string, a, b Value) (bool, error) {
	switch op {
	case "==":
		return equal(st, a, b)
	case "!=":
		eq, err := equal(st, a, b)
		return !eq, err
	case "in":
		return contains(st, b, a)
	case "not in":
		in, err := contains(st, b, a)
		return !in, err
	}
	return order(st, op, a, b)
}

// numCmp orders two numbers; ok is false when one is NaN.
func numCmp(x, y num) (c int, ok bool) {
	if x.kind == 'i' && y.kind == 'i' {
		switch {
		case x.i < y.i:
			return -1, true
		case x.i > y.i:
			return 1, true
		}
		return 0, true
	}
	if x.kind != 'f' && y.kind != 'f' {
		return x.big().Cmp(y.big()), true
	}
	if x.kind == 'f' && y.kind == 'f' {
		switch {
		case x.f < y.f:
			return -1, true
		case x.f > y.f:
			return 1, true
		}
		return 0, x.f == y.f
	}
	if x.kind == 'f' {
		c, ok = numCmp(y, x)
		return -c, ok
	}
	if math.IsNaN(y.f) {
		return 0, false
	}
	if math.IsInf(y.f, 0) {
		return -int(math.Copysign(1, y.f)), true
	}
	return new(big.Float).SetInt(x.big()).Cmp(big.NewFloat(y.f)), true
}

// equal is a == b.
func equal(st *state, a, b Value) (bool, error) {
	if err := st.step(); err != nil {
		return false, err
	}
	switch x := a.(type) {
	case *Str:
		y, ok := b.(*Str)
		return ok && x.s == y.s, nil
	case *List:
		y, ok := b.(*List)
		if !ok {
			return false, nil
		}
		return equalItems(st, x.items, y.items)
	case *Tuple:
		y, ok := b.(*Tuple)
		if !ok {
			return false, nil
		}
		return equalItems(st, x.items, y.items)
	case *Dict:
		y, ok := b.(*Dict)
		if !ok {
			return false, nil
		}
		return equalDicts(st, x, y)
	case *rangeObj:
		y, ok := b.(*rangeObj)
		if !ok || x.len() != y.len() {
			return false, nil
		}
		return x.len() == 0 || x.start == y.start && (x.len() == 1 || x.step == y.step), nil
	case *Undefined:
		_, ok := b.(*Undefined)
		return ok, nil
	case *dictView:
		y, ok := b.(*dictView)
		if !ok || x.kind == viewValues || y.kind == viewValues || x.d.Len() != y.d.Len() {
			return ok && x == y, nil
		}
		for i := range x.d.Len() {
			if in, err := contains(st, y, x.at(i)); err != nil || !in {
				return false, err
			}
		}
		return true, nil
	}
	x, y := toNum(a), toNum(b)
	if x.kind != 0 || y.kind != 0 {
		if x.kind == 0 || y.kind == 0 {
			return false, nil
		}
		c, ok := numCmp(x, y)
		return ok && c == 0, nil
	}
	return a == b, nil
}

// equalItem is equality inside containers, where identity is enough.
func equalItem(st *state, a, b Value) (bool, error) {
	if err := st.enter(); err != nil {
		return false, err
	}
	defer st.leave()
	if err := st.nested(); err != nil {
		return false, err
	}
	defer func() { st.nest-- }()
	return equal(st, a, b)
}

// nested guards recursion into values.
func (st *state) nested() error {
	if st.nest >= nestLimit {
		return errf(KindRecursion, "value nested more than %d levels deep", nestLimit)
	}
	st.nest++
	return nil
}

func equalItems(st *state, a, b []Value) (bool, error) {
	if len(a) != len(b) {
		return false, nil
	}
	for i := range a {
		if eq, err := equalItem(st, a[i], b[i]); err != nil || !eq {
			return false, err
		}
	}
	return true, nil
}

func equalDicts(st *state, a, b *Dict) (bool, error) {
	if a.Len() != b.Len() {
		return false, nil
	}
	for i, k := range a.keys {
		v, err := b.get(k)
		if err != nil || v == nil {
			return false, err
		}
		if eq, err := equalItem(st, a.vals[i], v); err != nil || !eq {
			return false, err
		}
	}
	return true, nil
}

// order is a < b and its kin.
func order(st *state, op string, a, b Value) (bool, error) {
	c, ok, err := cmp(st, op, a, b)
	if err != nil || !ok {
		return false, err
	}
	switch op {
	case "<":
		return c < 0, nil
	case "<=":
		return c <= 0, nil
	case ">":
		return c > 0, nil
	}
	return c >= 0, nil
}

// cmp orders two values; ok is false when they are unordered (NaN).
func cmp(st *state, op string, a, b Value) (c int, ok bool, err error) {
	if err := st.step(); err != nil {
		return 0, false, err
	}
	x, y := toNum(a), toNum(b)
	if x.kind != 0 && y.kind != 0 {
		c, ok = numCmp(x, y)
		return c, ok, nil
	}
	switch p := a.(type) {
	case *Str:
		if q, isStr := b.(*Str); isStr {
			return strings.Compare(p.s, q.s), true, st.work(min(len(p.s), len(q.s)))
		}
	case *List:
		if q, isList := b.(*List); isList {
			return cmpItems(st, op, p.items, q.items)
		}
	case *Tuple:
		if q, isTuple := b.(*Tuple); isTuple {
			return cmpItems(st, op, p.items, q.items)
		}
	case *Undefined:
		return 0, false, p.err()
	}
	if u, isUndef := b.(*Undefined); isUndef {
		return 0, false, u.err()
	}
	return 0, false, typeErr("'%s' not supported between instances of '%s' and '%s'", op, typeName(a), typeName(b))
}

func cmpItems(st *state, op string, a, b []Value) (int, bool, error) {
	for i := range min(len(a), len(b)) {
		eq, err := equalItem(st, a[i], b[i])
		if err != nil {
			return 0, false, err
		}
		if !eq {
			if err := st.nested(); err != nil {
				return 0, false, err
			}
			defer func() { st.nest-- }()
			return cmp(st, op, a[i], b[i])
		}
	}
	return len(a) - len(b), true, nil
}

// contains is x in seq.
func contains(st *state, seq, x Value) (bool, error) {
	switch s := seq.(type) {
	case *Str:
		sub, ok := x.(*Str)
		if !ok {
			return false, typeErr("'in <string>' requires string as left operand, not %s", typeName(x))
		}
		return strings.Contains(s.s, sub.s), st.work(len(s.s))
	case *Dict:
		v, err := s.get(x)
		return v != nil, err
	case *dictView:
		if s.kind == viewKeys {
			v, err := s.d.get(x)
			return v != nil, err
		}
	case none, bool, int64, *big.Int, float64, *Func, *macro, *Namespace, *cycler, *joiner:
		return false, typeErr("argument of type '%s' is not iterable", typeName(seq))
	}
	it, err := iterate(seq)
	if err != nil {
		return false, err
	}
	for {
		v, ok, err := it.next(st)
		if err != nil || !ok {
			return false, err
		}
		if same(v, x) {
			return true, nil
		}
		if eq, err := equal(st, v, x); eq || err != nil {
			return eq, err
		}
	}
}

// sortValues sorts stably by keys, as list.sort does.
func sortValues(st *state, items, keys []Value, reverse bool) ([]Value, error) {
	if err := st.allocItems(2 * len(items)); err != nil {
		return nil, err
	}
	idx := make([]int, len(items))
	for i := range idx {
		idx[i] = i
	}
	var fail error
	slices.SortStableFunc(idx, func(i, j int) int {
		if fail != nil {
			return 0
		}
		a, b := keys[i], keys[j]
		if reverse {
			a, b = b, a
		}
		lt, err := order(st, "<", a, b)
		if err == nil && lt {
			return -1
		}
		var gt bool
		if err == nil {
			gt, err = order(st, "<", b, a)
		}
		fail = err
		if gt {
			return 1
		}
		return 0
	})
	if fail != nil {
		return nil, fail
	}
	out := make([]Value, len(items))
	for i, k := range idx {
		out[i] = items[k]
	}
	return out, nil
}
