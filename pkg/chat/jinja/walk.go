package jinja

// children are the direct operands of an expression, absent ones left out.
func children(e expr) []expr {
	var out []expr
	add := func(list ...expr) {
		for _, c := range list {
			if c != nil {
				out = append(out, c)
			}
		}
	}
	args := func(a callArgs) {
		add(a.pos...)
		add(a.vals...)
		add(a.star, a.dstar)
	}
	switch e := e.(type) {
	case *tupleExpr:
		add(e.items...)
	case *listExpr:
		add(e.items...)
	case *dictExpr:
		for i := range e.keys {
			add(e.keys[i], e.vals[i])
		}
	case *attrExpr:
		add(e.obj)
	case *itemExpr:
		add(e.obj, e.arg)
	case *sliceExpr:
		add(e.obj, e.lo, e.hi, e.step)
	case *callExpr:
		add(e.fn)
		args(e.args)
	case *filterExpr:
		add(e.node)
		args(e.args)
	case *testExpr:
		add(e.node)
		args(e.args)
	case *unaryExpr:
		add(e.x)
	case *binExpr:
		add(e.a, e.b)
	case *logicExpr:
		add(e.a, e.b)
	case *concatExpr:
		add(e.items...)
	case *compareExpr:
		add(e.first)
		add(e.rest...)
	case *condExpr:
		add(e.yes, e.test, e.no)
	}
	return out
}

// walkExpr calls visit for e and everything below it, parents first.
func walkExpr(e expr, visit func(expr)) {
	if e == nil || visit == nil {
		return
	}
	visit(e)
	for _, c := range children(e) {
		walkExpr(c, visit)
	}
}

// walkStmts calls visit for every statement, nested ones included, and onExpr for every expression in them,
// in the order of the source. Either may be nil.
func walkStmts(body []stmt, visit func(stmt), onExpr func(expr)) {
	if visit == nil {
		visit = func(stmt) {}
	}
	exprs := func(list ...expr) {
		for _, e := range list {
			walkExpr(e, onExpr)
		}
	}
	sub := func(b []stmt) { walkStmts(b, visit, onExpr) }
	tgt := func(t target) {
		if t, ok := t.(*nsTarget); ok {
			exprs(t.ns)
		}
	}
	for _, s := range body {
		visit(s)
		switch s := s.(type) {
		case *outputStmt:
			exprs(s.items...)
		case *setStmt:
			tgt(s.target)
			exprs(s.val)
		case *setBlockStmt:
			tgt(s.target)
			exprs(s.filter)
			sub(s.body)
		case *ifStmt:
			for i := range s.tests {
				exprs(s.tests[i])
				sub(s.bodies[i])
			}
			sub(s.orelse)
		case *forStmt:
			exprs(s.iter, s.test)
			sub(s.body)
			sub(s.orelse)
		case *macroStmt:
			exprs(s.def.defaults...)
			sub(s.def.body)
		case *callStmt:
			if s.call != nil {
				exprs(s.call)
			}
			exprs(s.def.defaults...)
			sub(s.def.body)
		case *filterStmt:
			sub(s.body)
			exprs(s.filter)
		case *withStmt:
			exprs(s.vals...)
			sub(s.body)
		}
	}
}
