package jinja

const maxRange = 100000

// globals are the functions every template can call unless a variable hides them.
var globals map[string]Value

func init() {
	globals = map[string]Value{}
	for name, f := range map[string]func(st *state, a *args) (Value, error){
		"range":           globalRange,
		"dict":            globalDict,
		"namespace":       globalNamespace,
		"cycler":          globalCycler,
		"joiner":          globalJoiner,
		"raise_exception": globalRaise,
		"strftime_now":    globalStrftime,
		"lipsum": func(*state, *args) (Value, error) {
			return nil, errf(KindUnsupported, "lipsum() is not supported in chat templates")
		},
	} {
		globals[name] = &Func{name: name, call: f}
	}
}

func globalRange(_ *state, a *args) (Value, error) {
	if err := a.posOnly("range"); err != nil {
		return nil, err
	}
	if len(a.pos) == 0 || len(a.pos) > 3 {
		return nil, typeErr("range expected 1 to 3 arguments, got %d", len(a.pos))
	}
	n := [3]int64{0, 0, 1}
	for i, v := range a.pos {
		x, err := intArg(v)
		if err != nil {
			return nil, err
		}
		n[i] = x
	}
	if len(a.pos) == 1 {
		n[0], n[1] = 0, n[0]
	}
	if n[2] == 0 {
		return nil, valueErr("range() arg 3 must not be zero")
	}
	for _, x := range n {
		if x > 1<<60 || x < -1<<60 {
			return nil, errf(KindLimit, "range bound %d", x)
		}
	}
	r := &rangeObj{n[0], n[1], n[2]}
	if r.len() > maxRange {
		return nil, errf(KindOverflow, "Range too big. The sandbox blocks ranges larger than MAX_RANGE (%d).", maxRange)
	}
	return r, nil
}

// dictOf is dict(*args, **kwargs).
func dictOf(st *state, a *args) (*Dict, error) {
	if len(a.pos) > 1 {
		return nil, typeErr("dict expected at most 1 argument, got %d", len(a.pos))
	}
	d := &Dict{}
	if len(a.pos) == 1 {
		if src, ok := a.pos[0].(*Dict); ok {
			if err := st.allocItems(3 * src.Len()); err != nil {
				return nil, err
			}
			for i, k := range src.keys {
				if err := d.set(k, src.vals[i]); err != nil {
					return nil, err
				}
			}
		} else if err := dictPairs(st, d, a.pos[0]); err != nil {
			return nil, err
		}
	}
	for i, n := range a.names {
		d.put(n.s, n, a.vals[i])
	}
	return d, st.allocItems(3 * len(a.names))
}

func dictPairs(st *state, d *Dict, v Value) error {
	it, err := iterate(v)
	if err != nil {
		return err
	}
	for i := 0; ; i++ {
		x, ok, err := it.next(st)
		if err != nil || !ok {
			return err
		}
		kv, err := collect(st, x)
		if err != nil {
			if caught(err, KindType) {
				return typeErr("cannot convert dictionary update sequence element #%d to a sequence", i)
			}
			return err
		}
		if len(kv) != 2 {
			return valueErr("dictionary update sequence element #%d has length %d; 2 is required", i, len(kv))
		}
		if err := st.alloc(48); err != nil {
			return err
		}
		if err := d.set(kv[0], kv[1]); err != nil {
			return err
		}
	}
}

func globalDict(st *state, a *args) (Value, error) { return dictOf(st, a) }

func globalNamespace(st *state, a *args) (Value, error) {
	d, err := dictOf(st, a)
	return &Namespace{attrs: d}, err
}

func globalCycler(_ *state, a *args) (Value, error) {
	if err := a.posOnly("cycler"); err != nil {
		return nil, err
	}
	if len(a.pos) == 0 {
		return nil, errf("RuntimeError", "at least one item has to be provided")
	}
	return &cycler{items: a.pos}, nil
}

func globalJoiner(_ *state, a *args) (Value, error) {
	p, err := a.bind("joiner", param{"sep", newStr(", ")})
	if err != nil {
		return nil, err
	}
	return &joiner{sep: p[0]}, nil
}

// globalRaise is raise_exception(message), with which templates reject a conversation.
func globalRaise(st *state, a *args) (Value, error) {
	v, err := a.only("raise_exception", "message")
	if err != nil {
		return nil, err
	}
	s, err := st.str(v)
	if err != nil {
		return nil, err
	}
	return nil, errf(KindTemplate, "%s", s.s)
}

func globalStrftime(st *state, a *args) (Value, error) {
	v, err := a.only("strftime_now", "format")
	if err != nil {
		return nil, err
	}
	f, ok := v.(*Str)
	if !ok {
		return nil, typeErr("strftime() argument 1 must be str, not %s", typeName(v))
	}
	s, err := strftime(st, f.s)
	return newText(s, f.tainted()), err
}
