package jinja

import "strconv"

func condHint(line int) string {
	return "the inline if-expression on line " + strconv.Itoa(line) + " evaluated to false and no else section was defined."
}

// run executes statements one level deeper.
func (st *state) run(f *frame, body []stmt) (ctl, error) {
	if err := st.enter(); err != nil {
		return ctlNext, err
	}
	defer st.leave()
	for _, s := range body {
		if err := st.step(); err != nil {
			return ctlNext, err
		}
		if c, err := s.exec(st, f); err != nil || c != ctlNext {
			return c, err
		}
	}
	return ctlNext, nil
}

// capture runs statements and returns what they print.
func (st *state) capture(f *frame, body []stmt) (*Str, ctl, error) {
	outer := st.out
	st.out = &buf{}
	c, err := st.run(f, body)
	text := st.out.done()
	st.out = outer
	return text, c, err
}

// emit prints to the current output, within its limit.
func (st *state) emit(v Value) error {
	if err := st.print(st.out, v); err != nil {
		return err
	}
	if int64(st.out.len()) > st.lim.Output {
		return errf(KindLimit, "more than %d bytes of output", st.lim.Output)
	}
	return nil
}

func (s *outputStmt) exec(st *state, f *frame) (ctl, error) {
	for _, e := range s.items {
		v, err := st.ev(f, e)
		if err == nil {
			err = st.emit(v)
		}
		if err != nil {
			return ctlNext, atLine(err, s.line)
		}
	}
	return ctlNext, nil
}

func (s *ifStmt) exec(st *state, f *frame) (ctl, error) {
	for i, e := range s.tests {
		v, err := st.ev(f, e)
		if err != nil {
			return ctlNext, atLine(err, s.line)
		}
		t, err := truth(st, v)
		if err != nil {
			return ctlNext, atLine(err, s.line)
		}
		if t {
			return st.run(f, s.bodies[i])
		}
	}
	return st.run(f, s.orelse)
}

func (s *jumpStmt) exec(*state, *frame) (ctl, error) { return s.ctl, nil }

func (s *setStmt) exec(st *state, f *frame) (ctl, error) {
	if err := checkNamespaces(st, f, s.target); err != nil {
		return ctlNext, atLine(err, s.line)
	}
	v, err := st.ev(f, s.val)
	if err == nil {
		err = s.target.assign(st, f, v)
	}
	return ctlNext, atLine(err, s.line)
}

func (s *setBlockStmt) exec(st *state, f *frame) (ctl, error) {
	f.reset(s.scope)
	text, c, err := st.capture(f, s.body)
	if err != nil || c != ctlNext {
		return c, err
	}
	var v Value = text
	if s.filter != nil {
		if v, err = st.applyBlock(f, s.filter, text); err != nil {
			return ctlNext, atLine(err, s.line)
		}
	}
	f.reset(s.scope)
	if err = checkNamespaces(st, f, s.target); err == nil {
		err = s.target.assign(st, f, v)
	}
	return ctlNext, atLine(err, s.line)
}

func (s *filterStmt) exec(st *state, f *frame) (ctl, error) {
	f.reset(s.scope)
	text, c, err := st.capture(f, s.body)
	if err != nil || c != ctlNext {
		return c, err
	}
	v, err := st.applyBlock(f, s.filter, text)
	f.reset(s.scope)
	if err == nil {
		err = st.emit(v)
	}
	return ctlNext, atLine(err, s.line)
}

func (s *withStmt) exec(st *state, f *frame) (ctl, error) {
	vals, err := st.evAll(f, s.vals)
	if err != nil {
		return ctlNext, atLine(err, s.line)
	}
	f.reset(s.scope)
	for i, t := range s.targets {
		if err := t.assign(st, f, vals[i]); err != nil {
			return ctlNext, atLine(err, s.line)
		}
	}
	c, err := st.run(f, s.body)
	f.reset(s.scope)
	return c, err
}

func (s *macroStmt) exec(st *state, f *frame) (ctl, error) {
	return ctlNext, s.target.assign(st, f, &macro{def: s.def, frame: f})
}

func (s *callStmt) exec(st *state, f *frame) (ctl, error) {
	m := &macro{def: s.def, frame: f}
	var v Value
	var err error
	if s.call == nil { // generation: the support function just calls its body
		v, err = m.call(st, &args{})
	} else {
		v, err = s.call.call(st, f, m)
	}
	if err == nil {
		err = st.emit(v)
	}
	return ctlNext, atLine(err, s.line)
}

func (t *nameTarget) assign(_ *state, f *frame, v Value) error {
	f.slots[t.slot] = v
	return nil
}

// checkNamespaces fails before a value is computed for ns.attr when ns is no namespace.
func checkNamespaces(st *state, f *frame, t target) error {
	switch t := t.(type) {
	case *nsTarget:
		v, err := t.ns.eval(st, f)
		if err != nil {
			return err
		}
		if _, ok := v.(*Namespace); !ok {
			return errf(KindRuntime, "cannot assign attribute on non-namespace object")
		}
	case *tupleTarget:
		for _, it := range t.items {
			if err := checkNamespaces(st, f, it); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *nsTarget) assign(st *state, f *frame, v Value) error {
	ns, err := t.ns.eval(st, f)
	if err != nil {
		return err
	}
	n, ok := ns.(*Namespace)
	if !ok {
		return errf(KindRuntime, "cannot assign attribute on non-namespace object")
	}
	if err := st.alloc(32); err != nil {
		return err
	}
	return n.attrs.set(t.attr, v)
}

func (t *tupleTarget) assign(st *state, f *frame, v Value) error {
	it, err := iterate(v)
	if err != nil {
		return typeErr("cannot unpack non-iterable %s object", typeName(v))
	}
	vals := make([]Value, 0, len(t.items))
	for {
		x, ok, err := it.next(st)
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		if len(vals) == len(t.items) {
			return valueErr("too many values to unpack (expected %d)", len(t.items))
		}
		vals = append(vals, x)
	}
	if len(vals) < len(t.items) {
		return valueErr("not enough values to unpack (expected %d, got %d)", len(t.items), len(vals))
	}
	for i, x := range t.items {
		if err := x.assign(st, f, vals[i]); err != nil {
			return err
		}
	}
	return nil
}
