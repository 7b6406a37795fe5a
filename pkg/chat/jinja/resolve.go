package jinja

import "slices"

// resolver gives every variable its slot. The template, macros, call blocks, loops, with, filter and set blocks
// open a scope; if does not. Every scope that stores a name has a slot for it; reading the name looks from the
// innermost such scope outwards as far as the origins of symbols.go say.
type resolver struct {
	scope *scope
	loops int  // enclosing loops
	soft  bool // in an if: unknown filters and tests fail only when they are reached
}

type scope struct {
	*symbols
	slots  map[string]int
	unit   *unit
	parent *scope
	reads  map[string]bool // names read through this scope
}

// unit is one frame layout.
type unit struct {
	n      int
	parent *unit
}

// push opens a scope in the frame u; fill collects its names.
func (r *resolver) push(u *unit, fill func(s *symbols)) slotRange {
	var outer *symbols
	if r.scope != nil {
		outer = r.scope.symbols
	}
	s := &scope{symbols: newSymbols(outer), slots: map[string]int{}, unit: u, parent: r.scope, reads: map[string]bool{}}
	fill(s.symbols)
	base := u.n
	for _, n := range s.order {
		s.slots[n] = u.n
		u.n++
	}
	r.scope = s
	return slotRange{base, u.n - base}
}

func (r *resolver) pop() { r.scope = r.scope.parent }

func (r *resolver) name(e *nameExpr) {
	e.refs, e.vars = nil, true
	up := 0
	u := r.scope.unit
	for s := r.scope; s != nil; s = s.parent {
		for ; u != s.unit; u = u.parent {
			up++
		}
		s.reads[e.name] = true
		slot, ok := s.slots[e.name]
		if !ok {
			continue
		}
		e.refs = append(e.refs, slotRef{up, slot})
		switch s.origin[e.name] {
		case fromVars:
			return
		case fromNone, fromCall:
			e.vars = false
			return
		}
	}
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

func (r *resolver) target(t target) {
	switch t := t.(type) {
	case *nameTarget:
		t.slot = r.scope.slots[t.name]
	case *nsTarget:
		r.name(t.ns)
	case *tupleTarget:
		for _, it := range t.items {
			r.target(it)
		}
	}
}

func (r *resolver) body(body []stmt) error {
	for _, s := range body {
		if err := r.stmt(s); err != nil {
			return err
		}
	}
	return nil
}

// hard runs f outside the mercy of an if.
func (r *resolver) hard(f func() error) error {
	soft := r.soft
	r.soft = false
	err := f()
	r.soft = soft
	return err
}

func (r *resolver) stmt(s stmt) error {
	switch s := s.(type) {
	case *outputStmt:
		return r.exprs(s.items)
	case *setStmt:
		r.target(s.target)
		return r.expr(s.val)
	case *setBlockStmt:
		r.target(s.target)
		return r.hard(func() error {
			s.scope = r.push(r.scope.unit, func(y *symbols) { y.visit(s.body) })
			defer r.pop()
			if err := r.body(s.body); err != nil {
				return err
			}
			return r.expr(s.filter)
		})
	case *ifStmt:
		return r.ifStmt(s)
	case *forStmt:
		return r.hard(func() error { return r.loop(s) })
	case *macroStmt:
		r.target(s.target)
		return r.macro(s.def)
	case *callStmt:
		if err := r.macro(s.def); err != nil || s.call == nil {
			return err
		}
		return r.expr(s.call)
	case *filterStmt:
		return r.hard(func() error {
			s.scope = r.push(r.scope.unit, func(y *symbols) { y.visit(s.body); y.loads(s.filter) })
			defer r.pop()
			if err := r.body(s.body); err != nil {
				return err
			}
			return r.expr(s.filter)
		})
	case *withStmt:
		return r.with(s)
	}
	return nil
}

func (r *resolver) ifStmt(s *ifStmt) error {
	soft := r.soft
	r.soft = true
	defer func() { r.soft = soft }()
	if err := r.exprs(s.tests); err != nil {
		return err
	}
	for _, b := range s.bodies {
		if err := r.body(b); err != nil {
			return err
		}
	}
	return r.body(s.orelse)
}

func (r *resolver) with(s *withStmt) error {
	if err := r.exprs(s.vals); err != nil {
		return err
	}
	return r.hard(func() error {
		s.scope = r.push(r.scope.unit, func(y *symbols) {
			for _, t := range s.targets {
				for _, n := range targetNames(t) {
					y.param(n)
				}
			}
			y.visit(s.body)
		})
		defer r.pop()
		for _, t := range s.targets {
			r.target(t)
		}
		return r.body(s.body)
	})
}

func (r *resolver) loop(s *forStmt) error {
	if r.loops == 0 && storesLoop(s) { // what it finds, it finds in loops within as well
		return atLine(errf(KindAssertion, "Can't assign to special loop variable in for-loop target"), s.line)
	}
	if err := r.expr(s.iter); err != nil {
		return err
	}
	r.loops++
	defer func() { r.loops-- }()
	u := r.scope.unit
	if s.recursive {
		u = &unit{parent: u}
	}
	params := func(y *symbols) {
		for _, n := range targetNames(s.target) {
			y.param(n)
		}
	}
	if s.test != nil {
		s.testScope = r.push(u, func(y *symbols) { params(y); y.loads(s.test) })
		r.target(s.testTarget)
		if err := r.expr(s.test); err != nil {
			return err
		}
		r.pop()
	}
	s.bodyScope = r.push(u, func(y *symbols) { y.param("loop"); params(y); y.visit(s.body) })
	r.target(s.target)
	if err := r.body(s.body); err != nil {
		return err
	}
	s.loopSlot = -1
	if r.scope.reads["loop"] || s.recursive {
		s.loopSlot = r.scope.slots["loop"]
	}
	r.pop()
	s.elseScope = r.push(u, func(y *symbols) { y.visit(s.orelse) })
	err := r.body(s.orelse)
	r.pop()
	s.nslots = u.n
	return err
}

// storesLoop reports whether a name called loop is assigned anywhere in the loop.
func storesLoop(s *forStmt) bool {
	found := false
	walkStmts([]stmt{s}, func(st stmt) {
		var t target
		switch st := st.(type) {
		case *setStmt:
			t = st.target
		case *setBlockStmt:
			t = st.target
		case *forStmt:
			t = st.target
		}
		found = found || slices.Contains(targetNames(t), "loop")
	}, nil)
	return found
}

func (r *resolver) macro(d *macroDef) error {
	d.usesCaller, d.usesKwargs, d.usesVarargs = specials(d.body)
	if i := slices.Index(d.params, "caller"); i >= 0 && d.usesCaller && i < len(d.params)-len(d.defaults) {
		return atLine(errf(KindAssertion, `When defining macros or call blocks the special "caller" argument must be omitted or be given a default.`), d.line)
	}
	d.usesKwargs = d.usesKwargs && !slices.Contains(d.params, "kwargs")
	d.usesVarargs = d.usesVarargs && !slices.Contains(d.params, "varargs")
	return r.hard(func() error {
		u := &unit{parent: r.scope.unit}
		r.push(u, func(y *symbols) {
			for _, p := range d.params {
				y.param(p)
			}
			if d.usesCaller {
				y.param("caller")
			}
			if d.usesKwargs {
				y.param("kwargs")
			}
			if d.usesVarargs {
				y.param("varargs")
			}
			y.loads(d.defaults...)
			y.visit(d.body)
		})
		defer r.pop()
		slot := r.scope.slots
		d.paramSlots = nil
		for _, n := range d.params {
			d.paramSlots = append(d.paramSlots, slot[n])
		}
		d.callerSlot, d.kwargsSlot, d.varargSlot = slot["caller"], slot["kwargs"], slot["varargs"]
		if err := r.exprs(d.defaults); err != nil {
			return err
		}
		err := r.body(d.body)
		d.nslots = u.n
		return err
	})
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
