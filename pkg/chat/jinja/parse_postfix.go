package jinja

import "slices"

// postfix parses attributes, subscripts and calls.
func (p *parser) postfix(e expr) (expr, error) {
	for n := 0; ; n++ {
		var err error
		switch {
		case p.isOp("."):
			line := p.next().line
			t := p.next()
			switch {
			case t.kind == tokName:
				e = &attrExpr{obj: e, name: newStr(t.text), line: line}
			case t.kind == tokNumber && isInt(t.val):
				e = &itemExpr{obj: e, arg: &constExpr{t.val}, line: line}
			default:
				return nil, p.fail(t.line, "expected name or number")
			}
		case p.isOp("["):
			e, err = p.subscript(e)
		case p.isOp("("):
			e, err = p.call(e)
		default:
			return e, nil
		}
		if err != nil {
			return nil, err
		}
		if n > maxChain {
			return nil, p.tooLong()
		}
	}
}

func (p *parser) subscript(obj expr) (expr, error) {
	line := p.next().line
	var args []expr
	slices := 0
	for !p.isOp("]") {
		if len(args) > 0 {
			if err := p.expectOp(","); err != nil {
				return nil, err
			}
		}
		s := &sliceExpr{obj: obj, line: line}
		var err error
		if !p.isOp(":") {
			if s.lo, err = p.expression(); err != nil {
				return nil, err
			}
		}
		if !p.skipOp(":") {
			args = append(args, s.lo)
			continue
		}
		if !p.isOp(":") && !p.isOp("]") && !p.isOp(",") {
			if s.hi, err = p.expression(); err != nil {
				return nil, err
			}
		}
		if p.skipOp(":") && !p.isOp("]") && !p.isOp(",") {
			if s.step, err = p.expression(); err != nil {
				return nil, err
			}
		}
		slices++
		args = append(args, s)
	}
	if err := p.expectOp("]"); err != nil {
		return nil, err
	}
	if len(args) == 1 {
		if slices == 1 {
			return args[0], nil
		}
		return &itemExpr{obj: obj, arg: args[0], line: line}, nil
	}
	if slices > 0 {
		return nil, p.fail(line, "invalid syntax: slice in a tuple subscript")
	}
	return &itemExpr{obj: obj, arg: &tupleExpr{args}, line: line}, nil
}

func (p *parser) call(fn expr) (expr, error) {
	c := &callExpr{fn: fn, line: p.cur().line}
	var err error
	c.args, err = p.callArgs()
	return c, err
}

func (p *parser) callArgs() (a callArgs, err error) {
	line := p.cur().line
	if err := p.expectOp("("); err != nil {
		return a, err
	}
	bad := func() (callArgs, error) {
		return a, p.fail(line, "invalid syntax for function call expression")
	}
	for first := true; !p.isOp(")"); first = false {
		if !first {
			if err := p.expectOp(","); err != nil {
				return a, err
			}
			if p.isOp(")") {
				break
			}
		}
		switch {
		case p.isOp("*"):
			if a.star != nil || a.dstar != nil {
				return bad()
			}
			p.next()
			a.star, err = p.expression()
		case p.isOp("**"):
			if a.dstar != nil {
				return bad()
			}
			p.next()
			a.dstar, err = p.expression()
		case p.cur().kind == tokName && p.peek().kind == tokOp && p.peek().text == "=":
			if a.dstar != nil {
				return bad()
			}
			name := p.next().text
			p.next()
			if slices.Contains(a.names, name) {
				return a, p.fail(line, "keyword argument repeated: %s", name)
			}
			var v expr
			v, err = p.expression()
			a.names, a.vals = append(a.names, name), append(a.vals, v)
		default:
			if a.star != nil || a.dstar != nil || len(a.names) > 0 {
				return bad()
			}
			var v expr
			v, err = p.expression()
			a.pos = append(a.pos, v)
		}
		if err != nil {
			return a, err
		}
	}
	return a, p.expectOp(")")
}

// filterChain parses filters, tests and calls after an operand.
func (p *parser) filterChain(e expr) (expr, error) {
	for n := 0; ; n++ {
		var err error
		switch {
		case p.isOp("|"):
			e, err = p.filters(e, false)
		case p.isName("is"):
			e, err = p.test(e)
		case p.isOp("("):
			e, err = p.call(e)
		default:
			return e, nil
		}
		if err != nil {
			return nil, err
		}
		if n > maxChain {
			return nil, p.tooLong()
		}
	}
}

func (p *parser) dottedName() (token, error) {
	t, err := p.name()
	if err != nil {
		return t, err
	}
	for p.skipOp(".") {
		u, err := p.name()
		if err != nil {
			return t, err
		}
		t.text += "." + u.text
	}
	return t, nil
}

// filters parses |name(args) as long as there are any; inline starts with a name instead of |.
func (p *parser) filters(e expr, inline bool) (expr, error) {
	for n := 0; inline || p.isOp("|"); n++ {
		if !inline {
			p.next()
		}
		inline = false
		t, err := p.dottedName()
		if err != nil {
			return nil, err
		}
		f := &filterExpr{node: e, name: t.text, line: t.line}
		if p.isOp("(") {
			if f.args, err = p.callArgs(); err != nil {
				return nil, err
			}
		}
		e = f
		if n > maxChain {
			return nil, p.tooLong()
		}
	}
	return e, nil
}

func (p *parser) test(e expr) (expr, error) {
	line := p.next().line
	negated := p.skipName("not")
	t, err := p.dottedName()
	if err != nil {
		return nil, err
	}
	x := &testExpr{node: e, name: t.text, line: line}
	c := p.cur()
	switch {
	case p.isOp("("):
		if x.args, err = p.callArgs(); err != nil {
			return nil, err
		}
	case c.kind == tokName && (c.text == "else" || c.text == "or" || c.text == "and"):
	case c.kind == tokName && c.text == "is":
		return nil, p.fail(c.line, "You cannot chain multiple tests with is")
	case c.kind == tokName || c.kind == tokString || c.kind == tokNumber || p.isOp("[") || p.isOp("{"):
		a, err := p.primary(false)
		if err != nil {
			return nil, err
		}
		if a, err = p.postfix(a); err != nil {
			return nil, err
		}
		x.args.pos = []expr{a}
	}
	if negated {
		return &unaryExpr{op: '!', x: x, line: line}, nil
	}
	return x, nil
}
