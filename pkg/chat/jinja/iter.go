package jinja

import "unicode/utf8"

// iterator yields values until ok is false.
type iterator interface {
	next(st *state) (v Value, ok bool, err error)
}

// generator is a lazy sequence that can be walked once, such as what map() returns.
type generator struct {
	name string
	it   iterator
}

func (g *generator) next(st *state) (Value, bool, error) {
	if err := st.enter(); err != nil {
		return nil, false, err
	}
	defer st.leave()
	return g.it.next(st)
}

type funcIter func(st *state) (Value, bool, error)

func (f funcIter) next(st *state) (Value, bool, error) { return f(st) }

func newGen(f funcIter) *generator { return &generator{name: "generator", it: f} }

// seqIter walks anything with a length and random access.
type seqIter struct {
	n  int
	i  int
	at func(i int) Value
}

func (s *seqIter) next(st *state) (Value, bool, error) {
	if s.i >= s.n {
		return nil, false, nil
	}
	if err := st.step(); err != nil {
		return nil, false, err
	}
	v := s.at(s.i)
	s.i++
	return v, true, nil
}

type sliceIter struct {
	items []Value
	i     int
}

func (s *sliceIter) next(st *state) (Value, bool, error) {
	if s.i >= len(s.items) {
		return nil, false, nil
	}
	s.i++
	return s.items[s.i-1], true, st.step()
}

type runeIter struct {
	x *Str
	i int
}

func (s *runeIter) next(st *state) (Value, bool, error) {
	if s.i >= len(s.x.s) {
		return nil, false, nil
	}
	_, n := utf8.DecodeRuneInString(s.x.s[s.i:])
	v := s.x.sub(s.i, s.i+n).plain() // iterating over markup gives plain characters
	s.i += n
	return v, true, st.alloc(48)
}

// iterate is iter(v).
func iterate(v Value) (iterator, error) {
	switch v := v.(type) {
	case *List:
		return &sliceIter{items: v.items}, nil
	case *Tuple:
		return &sliceIter{items: v.items}, nil
	case *Str:
		return &runeIter{x: v}, nil
	case *Dict:
		return &sliceIter{items: v.keys}, nil
	case *dictView:
		return &seqIter{n: v.d.Len(), at: v.at}, nil
	case *rangeObj:
		return &seqIter{n: v.len(), at: func(i int) Value { return v.start + int64(i)*v.step }}, nil
	case *Undefined:
		return &sliceIter{}, nil
	case *generator:
		return v, nil
	case *loopObj:
		return v, nil
	}
	return nil, typeErr("'%s' object is not iterable", typeName(v))
}

// collect is list(v) as a Go slice. The slice of a list is shared, not copied.
func collect(st *state, v Value) ([]Value, error) {
	switch v := v.(type) {
	case *List:
		return v.items, nil
	case *Tuple:
		return v.items, nil
	case *Dict:
		return v.keys, nil
	}
	it, err := iterate(v)
	if err != nil {
		return nil, err
	}
	var out []Value
	for {
		x, ok, err := it.next(st)
		if err != nil || !ok {
			return out, err
		}
		if err := st.alloc(16); err != nil {
			return nil, err
		}
		out = append(out, x)
	}
}

// reversed is reversed(v), or false when v has no reverse order.
func reversed(st *state, v Value) (iterator, bool) {
	rev := func(n int, at func(int) Value) (iterator, bool) {
		return &seqIter{n: n, at: func(i int) Value { return at(n - 1 - i) }}, true
	}
	index := func(items []Value) (iterator, bool) {
		return rev(len(items), func(i int) Value { return items[i] })
	}
	switch v := v.(type) {
	case *List:
		return index(v.items)
	case *Tuple:
		return index(v.items)
	case *Dict:
		return index(v.keys)
	case *dictView:
		return rev(v.d.Len(), v.at)
	case *rangeObj:
		return rev(v.len(), func(i int) Value { return v.start + int64(i)*v.step })
	case *Undefined:
		return &sliceIter{}, true
	case *Str:
		end := len(v.s)
		return funcIter(func(st *state) (Value, bool, error) {
			if end == 0 {
				return nil, false, nil
			}
			_, n := utf8.DecodeLastRuneInString(v.s[:end])
			end -= n
			return v.sub(end, end+n), true, st.alloc(48)
		}), true
	}
	return nil, false
}
