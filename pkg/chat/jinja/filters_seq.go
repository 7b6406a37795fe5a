package jinja

import (
	"strconv"
	"strings"
)

func filterFirst(st *state, v Value, a *args) (Value, error) {
	it, err := iterate(v)
	if err != nil {
		return nil, err
	}
	x, ok, err := it.next(st)
	if err == nil && !ok {
		x = newUndef("No first item, sequence was empty.")
	}
	return x, orErr(err, a.none("first"))
}

func filterLast(st *state, v Value, a *args) (Value, error) {
	it, ok := reversed(st, v)
	if !ok {
		return nil, typeErr("'%s' object is not reversible", typeName(v))
	}
	x, ok, err := it.next(st)
	if err == nil && !ok {
		x = newUndef("No last item, sequence was empty.")
	}
	return x, orErr(err, a.none("last"))
}

func orErr(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

func filterList(st *state, v Value, a *args) (Value, error) {
	items, err := collect(st, v)
	return &List{items: items}, orErr(err, a.none("list"))
}

func filterReverse(st *state, v Value, a *args) (Value, error) {
	if err := a.none("reverse"); err != nil {
		return nil, err
	}
	if s, ok := v.(*Str); ok {
		return slice(st, s, None, None, int64(-1))
	}
	if it, ok := reversed(st, v); ok {
		name := "list_reverseiterator"
		if typeName(v) != "list" {
			name = "reversed"
		}
		return &generator{name: name, it: it}, nil
	}
	items, err := collect(st, v)
	if err != nil {
		if e, ok := err.(*Error); ok && e.Kind == KindType {
			return nil, errf(KindFilterArg, "argument must be iterable")
		}
		return nil, err
	}
	return slice(st, &List{items: items}, None, None, int64(-1))
}

func filterItems(st *state, v Value, a *args) (Value, error) {
	var it iterator
	return newGen(func(st *state) (Value, bool, error) {
		if it == nil {
			switch d := v.(type) {
			case *Undefined:
				it = &sliceIter{}
			case *Dict:
				it, _ = iterate(&dictView{d, viewItems})
			default:
				return nil, false, typeErr("Can only get item pairs from a mapping.")
			}
		}
		return it.next(st)
	}), a.none("items")
}

// path is an attribute of a filter argument: "a.b.0" or a number.
type path []Value

func attrPath(v Value) path {
	switch v := v.(type) {
	case none:
		return nil
	case *Str:
		var p path
		for _, part := range strings.Split(v.s, ".") {
			if n, err := strconv.ParseInt(part, 10, 64); err == nil && isDigit(part[0]) {
				p = append(p, n)
			} else {
				p = append(p, newStr(part))
			}
		}
		return p
	}
	return path{v}
}

// get follows the path; def replaces undefined parts unless it is None.
func (p path) get(st *state, v Value, def Value) (Value, error) {
	for _, part := range p {
		var err error
		if v, err = getItem(st, v, part); err != nil {
			return nil, err
		}
		if _, undef := v.(*Undefined); undef && def != None {
			v = def
		}
	}
	return v, nil
}

func filterJoin(st *state, v Value, a *args) (Value, error) {
	p, err := a.bind("join", param{"d", emptyStr}, param{"attribute", None})
	if err != nil {
		return nil, err
	}
	sep, err := st.str(p[0])
	if err != nil {
		return nil, err
	}
	at := attrPath(p[1])
	it, err := iterate(v)
	if err != nil {
		return nil, err
	}
	var w buf
	for i := 0; ; i++ {
		x, ok, err := it.next(st)
		if err != nil || !ok {
			return w.done(), err
		}
		if x, err = at.get(st, x, None); err != nil {
			return nil, err
		}
		if i > 0 {
			if err := st.alloc(int64(len(sep.s))); err != nil {
				return nil, err
			}
			w.str(sep)
		}
		if err := st.print(&w, x); err != nil {
			return nil, err
		}
	}
}

func filterSum(st *state, v Value, a *args) (Value, error) {
	p, err := a.bind("sum", param{"attribute", None}, param{"start", int64(0)})
	if err != nil {
		return nil, err
	}
	if _, ok := p[1].(*Str); ok {
		return nil, typeErr("sum() can't sum strings [use ''.join(seq) instead]")
	}
	at := attrPath(p[0])
	it, err := iterate(v)
	if err != nil {
		return nil, err
	}
	total := p[1]
	for {
		x, ok, err := it.next(st)
		if err != nil || !ok {
			return total, err
		}
		if x, err = at.get(st, x, None); err != nil {
			return nil, err
		}
		if total, err = binary(st, "+", total, x); err != nil {
			return nil, err
		}
	}
}

func filterBatch(st *state, v Value, a *args) (Value, error) {
	p, err := a.bind("batch", param{"linecount", nil}, param{"fill_with", None})
	if err != nil {
		return nil, err
	}
	var it iterator
	done := false
	return newGen(func(st *state) (Value, bool, error) {
		if done {
			return nil, false, nil
		}
		if it == nil {
			if it, err = iterate(v); err != nil {
				return nil, false, err
			}
		}
		out := &List{}
		for {
			full, err := equal(st, int64(len(out.items)), p[0])
			if err != nil {
				return nil, false, err
			}
			if full && len(out.items) > 0 {
				return out, true, nil
			}
			x, ok, err := it.next(st)
			if err != nil {
				return nil, false, err
			}
			if !ok {
				break
			}
			if err := st.alloc(16); err != nil {
				return nil, false, err
			}
			out.items = append(out.items, x)
		}
		done = true
		if len(out.items) == 0 {
			return nil, false, nil
		}
		if p[1] == None {
			return out, true, nil
		}
		n, err := intArg(p[0])
		if err != nil {
			return nil, false, err
		}
		if missing := n - int64(len(out.items)); missing > 0 {
			if missing > 1<<32 {
				return nil, false, errf(KindLimit, "batch of %d items", n)
			}
			if err := st.alloc(16 * missing); err != nil {
				return nil, false, err
			}
			for range missing {
				out.items = append(out.items, p[1])
			}
		}
		return out, true, nil
	}), nil
}

func filterSlice(st *state, v Value, a *args) (Value, error) {
	p, err := a.bind("slice", param{"slices", nil}, param{"fill_with", None})
	if err != nil {
		return nil, err
	}
	var items []Value
	var n, i, offset int64
	started := false
	return newGen(func(st *state) (Value, bool, error) {
		if !started {
			if items, err = collect(st, v); err != nil {
				return nil, false, err
			}
			if n, err = intArg(p[0]); err != nil {
				return nil, false, err
			}
			if n == 0 {
				return nil, false, errf(KindZeroDiv, "integer division or modulo by zero")
			}
			started = true
		}
		if i >= n {
			return nil, false, nil
		}
		if err := st.alloc(64); err != nil {
			return nil, false, err
		}
		per, extra := int64(len(items))/n, int64(len(items))%n
		start := offset + i*per
		if i < extra {
			offset++
		}
		end := offset + (i+1)*per
		out := &List{items: items[start:end:end]}
		if p[1] != None && i >= extra {
			out.items = append(append([]Value{}, out.items...), p[1])
			if err := st.allocItems(len(out.items)); err != nil {
				return nil, false, err
			}
		}
		i++
		return out, true, nil
	}), nil
}

func filterAttr(st *state, v Value, a *args) (Value, error) {
	n, err := a.only("attr", "name")
	if err != nil {
		return nil, err
	}
	name, ok := n.(*Str)
	if !ok {
		return nil, typeErr("attribute name must be string, not '%s'", typeName(n))
	}
	if _, undef := v.(*Undefined); undef {
		return nil, v.(*Undefined).err()
	}
	x, err := attribute(st, v, name.s)
	if x == nil && err == nil {
		x = &Undefined{obj: v, name: name}
	}
	return x, err
}
