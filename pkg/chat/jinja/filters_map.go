package jinja

// filterMap applies a filter, or takes an attribute, of every item, lazily.
func filterMap(_ *state, v Value, a *args) (Value, error) {
	var it iterator
	var apply func(st *state, x Value) (Value, error)
	return newGen(func(st *state) (Value, bool, error) {
		if it == nil {
			if t, err := truth(st, v); err != nil || !t {
				return nil, false, err
			}
			var err error
			if apply, err = mapper(st, a); err != nil {
				return nil, false, err
			}
			if it, err = iterate(v); err != nil {
				return nil, false, err
			}
		}
		x, ok, err := it.next(st)
		if err != nil || !ok {
			return nil, false, err
		}
		x, err = apply(st, x)
		return x, err == nil, err
	}), nil
}

func mapper(st *state, a *args) (func(st *state, x Value) (Value, error), error) {
	if attr := a.kw("attribute"); attr != nil && len(a.pos) == 0 {
		def := None
		for i, n := range a.names {
			switch n.s {
			case "attribute":
			case "default":
				def = a.vals[i]
			default:
				return nil, errf(KindFilterArg, "Unexpected keyword argument %s", pyQuote(n.s))
			}
		}
		at := attrPath(attr)
		return func(st *state, x Value) (Value, error) { return at.get(st, x, def) }, nil
	}
	if len(a.pos) == 0 {
		return nil, errf(KindFilterArg, "map requires a filter argument")
	}
	name, fn, err := namedFilter(a.pos[0])
	if err != nil {
		return nil, err
	}
	rest := &args{pos: a.pos[1:], names: a.names, vals: a.vals}
	return func(st *state, x Value) (Value, error) {
		if fn == nil {
			return nil, errf(KindRuntime, "No filter named %s.", pyQuote(name))
		}
		return fn(st, x, rest)
	}, nil
}

func namedFilter(v Value) (string, filterFunc, error) {
	s, ok := v.(*Str)
	if !ok {
		return plainRepr(v), nil, nil
	}
	for _, r := range refusedFilters {
		if r == s.s {
			return "", nil, errf(KindUnsupported, "filter %s is not supported in chat templates", pyQuote(r))
		}
	}
	return s.s, filters[s.s], nil
}

// selector makes select, reject, selectattr and rejectattr: items that pass a test, or whose attribute does.
func selector(keep, byAttr bool) filterFunc {
	return func(_ *state, v Value, a *args) (Value, error) {
		var it iterator
		var pass func(st *state, x Value) (bool, error)
		return newGen(func(st *state) (Value, bool, error) {
			if it == nil {
				if t, err := truth(st, v); err != nil || !t {
					return nil, false, err
				}
				var err error
				if pass, err = tester(a, byAttr); err != nil {
					return nil, false, err
				}
				if it, err = iterate(v); err != nil {
					return nil, false, err
				}
			}
			for {
				x, ok, err := it.next(st)
				if err != nil || !ok {
					return nil, false, err
				}
				if err := st.step(); err != nil {
					return nil, false, err
				}
				t, err := pass(st, x)
				if err != nil || t == keep {
					return x, err == nil, err
				}
			}
		}), nil
	}
}

func tester(a *args, byAttr bool) (func(st *state, x Value) (bool, error), error) {
	pos := a.pos
	var at path
	if byAttr {
		if len(pos) == 0 {
			return nil, errf(KindFilterArg, "Missing parameter for attribute name")
		}
		at = attrPath(pos[0])
		pos = pos[1:]
	}
	if len(pos) == 0 {
		return func(st *state, x Value) (bool, error) {
			x, err := at.get(st, x, None)
			if err != nil {
				return false, err
			}
			return truth(st, x)
		}, nil
	}
	name := plainRepr(pos[0])
	var fn testFunc
	if s, ok := pos[0].(*Str); ok {
		fn = tests[s.s]
	}
	rest := &args{pos: pos[1:], names: a.names, vals: a.vals}
	return func(st *state, x Value) (bool, error) {
		x, err := at.get(st, x, None)
		if err != nil {
			return false, err
		}
		if fn == nil {
			return false, errf(KindRuntime, "No test named %s.", name)
		}
		return fn(st, x, rest)
	}, nil
}
