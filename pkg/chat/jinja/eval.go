package jinja

// ev evaluates an expression one level deeper.
func (st *state) ev(f *frame, e expr) (Value, error) {
	switch e := e.(type) {
	case *constExpr:
		return e.v, nil
	case *nameExpr:
		return e.eval(st, f)
	}
	if err := st.enter(); err != nil {
		return nil, err
	}
	if err := st.step(); err != nil {
		return nil, err
	}
	v, err := e.eval(st, f)
	st.depth--
	return v, err
}

func (e *constExpr) eval(*state, *frame) (Value, error) { return e.v, nil }

func (e *nameExpr) eval(st *state, f *frame) (Value, error) {
	for _, r := range e.refs {
		g := f
		for range r.up {
			g = g.parent
		}
		if v := g.slots[r.slot]; v != nil {
			return v, nil
		}
	}
	if e.vars {
		if v := st.vars.getName(e.name); v != nil {
			return v, nil
		}
		if v, ok := globals[e.name]; ok {
			return v, nil
		}
	}
	return &Undefined{name: e.str}, nil
}

func (st *state) evAll(f *frame, list []expr) ([]Value, error) {
	if err := st.allocItems(len(list)); err != nil {
		return nil, err
	}
	out := make([]Value, len(list))
	for i, e := range list {
		v, err := st.ev(f, e)
		if err != nil {
			return nil, err
		}
		out[i] = v
	}
	return out, nil
}

func (e *tupleExpr) eval(st *state, f *frame) (Value, error) {
	items, err := st.evAll(f, e.items)
	return &Tuple{items: items}, err
}

func (e *listExpr) eval(st *state, f *frame) (Value, error) {
	items, err := st.evAll(f, e.items)
	return &List{items: items}, err
}

func (e *dictExpr) eval(st *state, f *frame) (Value, error) {
	if err := st.allocItems(3 * len(e.keys)); err != nil {
		return nil, err
	}
	d := &Dict{}
	for i := range e.keys {
		k, err := st.ev(f, e.keys[i])
		if err != nil {
			return nil, err
		}
		v, err := st.ev(f, e.vals[i])
		if err != nil {
			return nil, err
		}
		if err := d.set(k, v); err != nil {
			return nil, err
		}
	}
	return d, nil
}

func (e *attrExpr) eval(st *state, f *frame) (Value, error) {
	obj, err := st.ev(f, e.obj)
	if err != nil {
		return nil, err
	}
	v, err := getAttr(st, obj, e.name)
	if err != nil {
		return nil, atLine(err, e.line)
	}
	return v, nil
}

func (e *itemExpr) eval(st *state, f *frame) (Value, error) {
	obj, err := st.ev(f, e.obj)
	if err != nil {
		return nil, err
	}
	arg, err := st.ev(f, e.arg)
	if err != nil {
		return nil, err
	}
	v, err := getItem(st, obj, arg)
	if err != nil {
		return nil, atLine(err, e.line)
	}
	return v, nil
}

func (e *sliceExpr) eval(st *state, f *frame) (Value, error) {
	obj, err := st.ev(f, e.obj)
	if err != nil {
		return nil, err
	}
	var b [3]Value
	for i, x := range [3]expr{e.lo, e.hi, e.step} {
		b[i] = None
		if x != nil {
			if b[i], err = st.ev(f, x); err != nil {
				return nil, err
			}
		}
	}
	v, err := slice(st, obj, b[0], b[1], b[2])
	if err != nil {
		return nil, atLine(err, e.line)
	}
	return v, nil
}

func (e *callExpr) eval(st *state, f *frame) (Value, error) { return e.call(st, f, nil) }

// call evaluates the call; a caller, if given, is passed as the keyword argument of that name.
func (e *callExpr) call(st *state, f *frame, caller Value) (Value, error) {
	fn, err := st.ev(f, e.fn)
	if err != nil {
		return nil, err
	}
	a, err := st.evArgs(f, &e.args)
	if err != nil {
		return nil, atLine(err, e.line)
	}
	if caller != nil {
		if a.kw("caller") != nil {
			return nil, atLine(typeErr("got multiple values for keyword argument 'caller'"), e.line)
		}
		a.names, a.vals = append(a.names, newStr("caller")), append(a.vals, caller)
	}
	v, err := call(st, fn, a)
	if err != nil {
		return nil, atLine(err, e.line)
	}
	return v, nil
}

// call calls any value.
func call(st *state, fn Value, a *args) (Value, error) {
	switch fn := fn.(type) {
	case *Func:
		return fn.call(st, a)
	case *macro:
		return fn.call(st, a)
	case *loopObj:
		return fn.recurse(st, a)
	case *joiner:
		if fn.used {
			return fn.sep, nil
		}
		fn.used = true
		return emptyStr, nil
	case *Undefined:
		return nil, fn.err()
	}
	return nil, typeErr("'%s' object is not callable", typeName(fn))
}

func (e *filterExpr) eval(st *state, f *frame) (Value, error) {
	v, err := st.ev(f, e.node)
	if err != nil {
		return nil, err
	}
	return e.apply(st, f, v)
}

func (e *filterExpr) apply(st *state, f *frame, v Value) (Value, error) {
	a, err := st.evArgs(f, &e.args)
	if err != nil {
		return nil, atLine(err, e.line)
	}
	if e.fn == nil {
		return nil, atLine(errf(KindRuntime, "No filter named %s found.", pyQuote(e.name)), e.line)
	}
	v, err = e.fn(st, v, a)
	if err != nil {
		return nil, atLine(err, e.line)
	}
	return v, nil
}

// applyBlock runs a chain of filters over the text of a block.
func (st *state) applyBlock(f *frame, e expr, text *Str) (Value, error) {
	fe := e.(*filterExpr)
	var v Value = text
	if fe.node != nil {
		var err error
		if v, err = st.applyBlock(f, fe.node, text); err != nil {
			return nil, err
		}
	}
	return fe.apply(st, f, v)
}

func (e *testExpr) eval(st *state, f *frame) (Value, error) {
	v, err := st.ev(f, e.node)
	if err != nil {
		return nil, err
	}
	a, err := st.evArgs(f, &e.args)
	if err != nil {
		return nil, atLine(err, e.line)
	}
	if e.fn == nil {
		return nil, atLine(errf(KindRuntime, "No test named %s found.", pyQuote(e.name)), e.line)
	}
	r, err := e.fn(st, v, a)
	if err != nil {
		return nil, atLine(err, e.line)
	}
	return r, nil
}

func (e *unaryExpr) eval(st *state, f *frame) (Value, error) {
	v, err := st.ev(f, e.x)
	if err != nil {
		return nil, err
	}
	if e.op == '!' {
		t, err := truth(st, v)
		return !t, err
	}
	v, err = sign(v, e.op)
	if err != nil {
		return nil, atLine(err, e.line)
	}
	return v, nil
}

func (e *binExpr) eval(st *state, f *frame) (Value, error) {
	a, err := st.ev(f, e.a)
	if err != nil {
		return nil, err
	}
	b, err := st.ev(f, e.b)
	if err != nil {
		return nil, err
	}
	v, err := binary(st, e.op, a, b)
	if err != nil {
		return nil, atLine(err, e.line)
	}
	return v, nil
}

func (e *logicExpr) eval(st *state, f *frame) (Value, error) {
	a, err := st.ev(f, e.a)
	if err != nil {
		return nil, err
	}
	t, err := truth(st, a)
	if err != nil || t == e.or {
		return a, err
	}
	return st.ev(f, e.b)
}

func (e *concatExpr) eval(st *state, f *frame) (Value, error) {
	var w buf
	for _, it := range e.items {
		v, err := st.ev(f, it)
		if err != nil {
			return nil, err
		}
		if err := st.print(&w, v); err != nil {
			return nil, err
		}
	}
	return w.done(), nil
}

func (e *compareExpr) eval(st *state, f *frame) (Value, error) {
	a, err := st.ev(f, e.first)
	if err != nil {
		return nil, err
	}
	var r Value
	for i, op := range e.ops {
		b, err := st.ev(f, e.rest[i])
		if err != nil {
			return nil, err
		}
		ok, err := compare(st, op, a, b)
		if err != nil {
			return nil, atLine(err, e.line)
		}
		if r = ok; !ok {
			break
		}
		a = b
	}
	return r, nil
}

func (e *condExpr) eval(st *state, f *frame) (Value, error) {
	v, err := st.ev(f, e.test)
	if err != nil {
		return nil, err
	}
	t, err := truth(st, v)
	if err != nil {
		return nil, atLine(err, e.line)
	}
	if t {
		return st.ev(f, e.yes)
	}
	if e.no != nil {
		return st.ev(f, e.no)
	}
	return newUndef(condHint(e.line)), nil
}
