package jinja

import "slices"

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

// expr resolves the names of an expression and looks up its filters and tests.
func (r *resolver) expr(e expr) error {
	switch e := e.(type) {
	case nil:
	case *nameExpr:
		r.name(e)
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
		return r.exprs(children(e))
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
