package jinja

// args are the evaluated arguments of a call.
type args struct {
	pos   []Value
	names []*Str
	vals  []Value
}

func (a *args) kw(name string) Value {
	for i, n := range a.names {
		if n.s == name {
			return a.vals[i]
		}
	}
	return nil
}

func (st *state) evArgs(f *frame, c *callArgs) (*args, error) {
	if len(c.pos) == 0 && len(c.names) == 0 && c.star == nil && c.dstar == nil {
		return &args{}, nil
	}
	a := &args{}
	var err error
	if a.pos, err = st.evAll(f, c.pos); err != nil {
		return nil, err
	}
	for i, n := range c.names {
		v, err := st.ev(f, c.vals[i])
		if err != nil {
			return nil, err
		}
		a.names, a.vals = append(a.names, newStr(n)), append(a.vals, v)
	}
	if c.star != nil {
		v, err := st.ev(f, c.star)
		if err != nil {
			return nil, err
		}
		more, err := collect(st, v)
		if err != nil {
			if e, ok := err.(*Error); ok && e.Kind == KindType {
				return nil, typeErr("argument after * must be an iterable, not %s", typeName(v))
			}
			return nil, err
		}
		a.pos = append(a.pos, more...)
	}
	if c.dstar != nil {
		v, err := st.ev(f, c.dstar)
		if err != nil {
			return nil, err
		}
		d, ok := v.(*Dict)
		if !ok {
			return nil, typeErr("argument after ** must be a mapping, not %s", typeName(v))
		}
		for i, k := range d.keys {
			s, ok := k.(*Str)
			if !ok {
				return nil, typeErr("keywords must be strings")
			}
			if a.kw(s.s) != nil {
				return nil, typeErr("got multiple values for keyword argument %s", pyQuote(s.s))
			}
			a.names, a.vals = append(a.names, s), append(a.vals, d.vals[i])
		}
	}
	return a, nil
}

// param is a parameter of a built-in function; a nil def means it must be given.
type param struct {
	name string
	def  Value
}

// bind puts the arguments in the order of the parameters.
func (a *args) bind(fn string, params ...param) ([]Value, error) {
	if len(a.pos) > len(params) {
		return nil, typeErr("%s() takes at most %d arguments (%d given)", fn, len(params), len(a.pos))
	}
	out := make([]Value, len(params))
	copy(out, a.pos)
	for i, n := range a.names {
		found := false
		for k, p := range params {
			if p.name != n.s {
				continue
			}
			if out[k] != nil {
				return nil, typeErr("%s() got multiple values for argument %s", fn, pyQuote(n.s))
			}
			out[k] = a.vals[i]
			found = true
		}
		if !found {
			return nil, typeErr("%s() got an unexpected keyword argument %s", fn, pyQuote(n.s))
		}
	}
	for k, p := range params {
		if out[k] == nil {
			if p.def == nil {
				return nil, typeErr("%s() missing required argument: %s", fn, pyQuote(p.name))
			}
			out[k] = p.def
		}
	}
	return out, nil
}

// only binds a single required argument.
func (a *args) only(fn, name string) (Value, error) {
	v, err := a.bind(fn, param{name, nil})
	if err != nil {
		return nil, err
	}
	return v[0], nil
}

// none fails when there are arguments.
func (a *args) none(fn string) error {
	_, err := a.bind(fn)
	return err
}

// posOnly fails when there are keyword arguments.
func (a *args) posOnly(fn string) error {
	if len(a.names) > 0 {
		return typeErr("%s() takes no keyword arguments", fn)
	}
	return nil
}

// intArg is the argument as an index: an int or a bool.
func intArg(v Value) (int64, error) {
	switch v := v.(type) {
	case int64:
		return v, nil
	case bool:
		if v {
			return 1, nil
		}
		return 0, nil
	case *Undefined:
		return 0, typeErr("'Undefined' object cannot be interpreted as an integer")
	}
	if isInt(v) {
		return 0, errf(KindOverflow, "Python int too large to convert to C ssize_t")
	}
	return 0, typeErr("'%s' object cannot be interpreted as an integer", typeName(v))
}

// strArg is the argument as a string.
func strArg(v Value) (*Str, error) {
	if s, ok := v.(*Str); ok {
		return s, nil
	}
	return nil, typeErr("expected str, got %s", typeName(v))
}
