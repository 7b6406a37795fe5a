package jinja

import "slices"

// resolver gives every variable its slot. Names are scoped as jinja2 scopes them: the template, macros,
// call blocks, loops, with, filter and set blocks open a scope; if does not. A name that is stored
// anywhere in a scope has a slot there; reading it looks from the innermost such scope outwards
// and takes the first slot that is set, then the variables given to the rendering.
type resolver struct {
	scope *scope
	soft  bool // in an if: unknown filters and tests fail only when they are reached
}

type scope struct {
	names  map[string]int
	unit   *unit
	parent *scope
	reads  map[string]bool // names read through this scope
}

// unit is one frame layout.
type unit struct {
	n      int
	parent *unit
}

func (r *resolver) push(u *unit, names []string) slotRange {
	s := &scope{names: map[string]int{}, unit: u, parent: r.scope, reads: map[string]bool{}}
	base := u.n
	for _, n := range names {
		if _, ok := s.names[n]; !ok {
			s.names[n] = u.n
			u.n++
		}
	}
	r.scope = s
	return slotRange{base, u.n - base}
}

func (r *resolver) pop() { r.scope = r.scope.parent }

func (r *resolver) refs(name string) []slotRef {
	var out []slotRef
	up := 0
	u := r.scope.unit
	for s := r.scope; s != nil; s = s.parent {
		for ; u != s.unit; u = u.parent {
			up++
		}
		s.reads[name] = true
		if slot, ok := s.names[name]; ok {
			out = append(out, slotRef{up, slot})
		}
	}
	return out
}

// stores lists the names that statements store in their own scope.
func stores(body []stmt) []string {
	var out []string
	for _, s := range body {
		switch s := s.(type) {
		case *setStmt:
			out = append(out, targetNames(s.target)...)
		case *setBlockStmt:
			out = append(out, targetNames(s.target)...)
		case *macroStmt:
			out = append(out, s.target.name)
		case *ifStmt:
			for _, b := range s.bodies {
				out = append(out, stores(b)...)
			}
			out = append(out, stores(s.orelse)...)
		}
	}
	return out
}

func targetNames(t target) []string {
	switch t := t.(type) {
	case *nameTarget:
		return []string{t.name}
	case *tupleTarget:
		var out []string
		for _, it := range t.items {
			out = append(out, targetNames(it)...)
		}
		return out
	}
	return nil
}

func (r *resolver) target(t target) error {
	switch t := t.(type) {
	case *nameTarget:
		for s := r.scope; ; s = s.parent {
			if slot, ok := s.names[t.name]; ok {
				t.slot = slot
				return nil
			}
		}
	case *nsTarget:
		return r.expr(t.ns)
	case *tupleTarget:
		for _, it := range t.items {
			if err := r.target(it); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *resolver) body(body []stmt) error {
	for _, s := range body {
		if err := r.stmt(s); err != nil {
			return err
		}
	}
	return nil
}

// inner resolves a body in a scope of its own within the current frame.
func (r *resolver) inner(body []stmt, extra ...string) (slotRange, error) {
	soft := r.soft
	r.soft = false
	rng := r.push(r.scope.unit, append(extra, stores(body)...))
	err := r.body(body)
	r.pop()
	r.soft = soft
	return rng, err
}

func (r *resolver) stmt(s stmt) error {
	switch s := s.(type) {
	case *outputStmt:
		return r.exprs(s.items)
	case *setStmt:
		if err := r.expr(s.val); err != nil {
			return err
		}
		return r.target(s.target)
	case *setBlockStmt:
		return r.setBlock(s)
	case *ifStmt:
		soft := r.soft
		r.soft = true
		err := r.exprs(s.tests)
		for _, b := range s.bodies {
			if err == nil {
				err = r.body(b)
			}
		}
		if err == nil {
			err = r.body(s.orelse)
		}
		r.soft = soft
		return err
	case *forStmt:
		return r.loop(s)
	case *macroStmt:
		if err := r.target(s.target); err != nil {
			return err
		}
		return r.macro(s.def)
	case *callStmt:
		if err := r.macro(s.def); err != nil || s.call == nil {
			return err
		}
		return r.expr(s.call)
	case *filterStmt:
		soft := r.soft
		r.soft = false
		s.scope = r.push(r.scope.unit, stores(s.body))
		err := r.body(s.body)
		if err == nil {
			err = r.expr(s.filter)
		}
		r.pop()
		r.soft = soft
		return err
	case *withStmt:
		return r.with(s)
	}
	return nil
}

func (r *resolver) setBlock(s *setBlockStmt) error {
	soft := r.soft
	r.soft = false
	s.scope = r.push(r.scope.unit, stores(s.body))
	err := r.body(s.body)
	if err == nil && s.filter != nil {
		err = r.expr(s.filter)
	}
	r.pop()
	r.soft = soft
	if err != nil {
		return err
	}
	return r.target(s.target)
}

func (r *resolver) with(s *withStmt) error {
	if err := r.exprs(s.vals); err != nil {
		return err
	}
	var names []string
	for _, t := range s.targets {
		names = append(names, targetNames(t)...)
	}
	soft := r.soft
	r.soft = false
	s.scope = r.push(r.scope.unit, append(names, stores(s.body)...))
	for _, t := range s.targets {
		if err := r.target(t); err != nil {
			return err
		}
	}
	err := r.body(s.body)
	r.pop()
	r.soft = soft
	return err
}

func (r *resolver) loop(s *forStmt) error {
	if storesLoop(s) {
		return atLine(errf(KindAssertion, "Can't assign to special loop variable in for-loop target"), s.line)
	}
	if err := r.expr(s.iter); err != nil {
		return err
	}
	soft := r.soft
	r.soft = false
	u := r.scope.unit
	if s.recursive {
		u = &unit{parent: u}
	}
	names := targetNames(s.target)
	if s.test != nil {
		s.testScope = r.push(u, names)
		if err := r.target(s.testTarget); err != nil {
			return err
		}
		if err := r.expr(s.test); err != nil {
			return err
		}
		r.pop()
	}
	s.bodyScope = r.push(u, append(append(names, "loop"), stores(s.body)...))
	if err := r.target(s.target); err != nil {
		return err
	}
	if err := r.body(s.body); err != nil {
		return err
	}
	s.loopSlot = -1
	if r.scope.reads["loop"] || s.recursive {
		s.loopSlot = r.scope.names["loop"]
	}
	r.pop()
	s.elseScope = r.push(u, stores(s.orelse))
	err := r.body(s.orelse)
	r.pop()
	s.nslots = u.n
	r.soft = soft
	return err
}

// storesLoop reports whether a name called loop is assigned anywhere in the loop.
func storesLoop(s *forStmt) bool {
	if slices.Contains(targetNames(s.target), "loop") {
		return true
	}
	found := false
	walkStmts(append(append([]stmt{}, s.body...), s.orelse...), func(st stmt) {
		switch st := st.(type) {
		case *setStmt:
			found = found || slices.Contains(targetNames(st.target), "loop")
		case *setBlockStmt:
			found = found || slices.Contains(targetNames(st.target), "loop")
		case *forStmt:
			found = found || slices.Contains(targetNames(st.target), "loop")
		}
	}, nil)
	return found
}

func (r *resolver) macro(d *macroDef) error {
	d.usesCaller, d.usesKwargs, d.usesVarargs = specials(d.body)
	u := &unit{parent: r.scope.unit}
	names := append([]string{}, d.params...)
	if i := slices.Index(d.params, "caller"); i >= 0 && d.usesCaller && i < len(d.params)-len(d.defaults) {
		return atLine(errf(KindAssertion, `When defining macros or call blocks the special "caller" argument must be omitted or be given a default.`), d.line)
	}
	d.usesKwargs = d.usesKwargs && !slices.Contains(d.params, "kwargs")
	d.usesVarargs = d.usesVarargs && !slices.Contains(d.params, "varargs")
	if d.usesCaller {
		names = append(names, "caller")
	}
	if d.usesKwargs {
		names = append(names, "kwargs")
	}
	if d.usesVarargs {
		names = append(names, "varargs")
	}
	soft := r.soft
	r.soft = false
	r.push(u, append(names, stores(d.body)...))
	slot := r.scope.names
	d.paramSlots = d.paramSlots[:0]
	for _, n := range d.params {
		d.paramSlots = append(d.paramSlots, slot[n])
	}
	d.callerSlot, d.kwargsSlot, d.varargSlot = slot["caller"], slot["kwargs"], slot["varargs"]
	err := r.exprs(d.defaults)
	if err == nil {
		err = r.body(d.body)
	}
	r.pop()
	d.nslots = u.n
	r.soft = soft
	return err
}

// specials finds which of caller, kwargs and varargs a body reads before it stores them.
func specials(body []stmt) (caller, kwargs, varargs bool) {
	state := map[string]int{} // 1 read first, 2 stored first
	note := func(name string, how int) {
		if state[name] == 0 {
			state[name] = how
		}
	}
	walkStmts(body, func(s stmt) {
		var t target
		switch s := s.(type) {
		case *setStmt:
			t = s.target
		case *setBlockStmt:
			t = s.target
		case *forStmt:
			t = s.target
		}
		for _, n := range targetNames(t) {
			note(n, 2)
		}
	}, func(e expr) {
		if n, ok := e.(*nameExpr); ok {
			note(n.name, 1)
		}
	})
	return state["caller"] == 1, state["kwargs"] == 1, state["varargs"] == 1
}

func (r *resolver) exprs(list []expr) error {
	for _, e := range list {
		if err := r.expr(e); err != nil {
			return err
		}
	}
	return nil
}

func (r *resolver) args(a *callArgs) error {
	if err := r.exprs(a.pos); err != nil {
		return err
	}
	if err := r.exprs(a.vals); err != nil {
		return err
	}
	return r.exprs([]expr{a.star, a.dstar})
}

func (r *resolver) expr(e expr) error {
	switch e := e.(type) {
	case nil:
	case *nameExpr:
		e.refs = r.refs(e.name)
	case *filterExpr:
		e.fn = filters[e.name]
		if e.fn == nil {
			if err := r.unknown("filter", e.name, refusedFilters, e.line); err != nil {
				return err
			}
		}
		if err := r.expr(e.node); err != nil {
			return err
		}
		return r.args(&e.args)
	case *testExpr:
		e.fn = tests[e.name]
		if e.fn == nil {
			if err := r.unknown("test", e.name, nil, e.line); err != nil {
				return err
			}
		}
		if err := r.expr(e.node); err != nil {
			return err
		}
		return r.args(&e.args)
	case *callExpr:
		if err := r.expr(e.fn); err != nil {
			return err
		}
		return r.args(&e.args)
	case *condExpr:
		soft := r.soft
		r.soft = true
		err := r.exprs([]expr{e.test, e.yes, e.no})
		r.soft = soft
		return err
	default:
		for _, c := range children(e) {
			if err := r.expr(c); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *resolver) unknown(what, name string, refused []string, line int) error {
	if slices.Contains(refused, name) {
		return atLine(errf(KindUnsupported, "%s %s is not supported in chat templates", what, pyQuote(name)), line)
	}
	if r.soft {
		return nil
	}
	return atLine(errf(KindAssertion, "No %s named %s.", what, pyQuote(name)), line)
}
