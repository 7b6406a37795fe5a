package jinja

import "slices"

// refused are tags of Jinja that need a template loader or another environment.
var refused = []string{"extends", "block", "include", "import", "from", "autoescape"}

func (p *parser) statement() (stmt, error) {
	t := p.cur()
	if t.kind != tokName {
		return nil, p.fail(t.line, "tag name expected")
	}
	var parse func(line int) (stmt, error)
	switch t.text {
	case "set":
		parse = p.set
	case "if":
		parse = p.ifBlock
	case "for":
		parse = p.forBlock
	case "macro":
		parse = p.macro
	case "call":
		parse = p.callBlock
	case "filter":
		parse = p.filterBlock
	case "with":
		parse = p.with
	case "print":
		parse = p.print
	case "generation":
		parse = p.generation
	case "break", "continue":
		parse = p.jump
	default:
		if slices.Contains(refused, t.text) {
			return nil, atLine(errf(KindUnsupported, "tag %s is not supported in chat templates", pyQuote(t.text)), t.line)
		}
		return nil, p.lost(t.text, t.line)
	}
	p.tags = append(p.tags, t.text)
	s, err := parse(t.line)
	p.tags = p.tags[:len(p.tags)-1]
	return s, err
}

func (p *parser) jump(line int) (stmt, error) {
	t := p.next()
	if p.loops == 0 {
		return nil, p.fail(line, "'%s' outside loop", t.text)
	}
	if t.text == "break" {
		return &jumpStmt{ctlBreak}, nil
	}
	return &jumpStmt{ctlContinue}, nil
}

func (p *parser) print(line int) (stmt, error) {
	p.next()
	s := &outputStmt{line: line}
	for p.cur().kind != tokBlockEnd {
		if len(s.items) > 0 {
			if err := p.expectOp(","); err != nil {
				return nil, err
			}
		}
		e, err := p.expression()
		if err != nil {
			return nil, err
		}
		s.items = append(s.items, e)
	}
	return s, nil
}

func (p *parser) set(line int) (stmt, error) {
	p.next()
	tgt, err := p.assignTarget(true)
	if err != nil {
		return nil, err
	}
	if p.skipOp("=") {
		v, err := p.tuple(tupleOpts{cond: true})
		return &setStmt{target: tgt, val: v, line: line}, err
	}
	s := &setBlockStmt{target: tgt, line: line}
	if s.filter, err = p.filters(nil, false); err != nil {
		return nil, err
	}
	s.body, err = p.lastBody("endset")
	return s, err
}

func (p *parser) ifBlock(line int) (stmt, error) {
	s := &ifStmt{line: line}
	p.next()
	for {
		t, err := p.tuple(tupleOpts{})
		if err != nil {
			return nil, err
		}
		b, err := p.body("elif", "else", "endif")
		if err != nil {
			return nil, err
		}
		s.tests = append(s.tests, t)
		s.bodies = append(s.bodies, b)
		switch p.next().text {
		case "elif":
			continue
		case "else":
			s.orelse, err = p.lastBody("endif")
		}
		return s, err
	}
}

func (p *parser) forBlock(line int) (stmt, error) {
	p.next()
	s := &forStmt{line: line}
	start := p.i
	var err error
	if s.target, err = p.assignTarget(false); err != nil {
		return nil, err
	}
	after := p.i
	p.i = start // the same names once more, for the scope of the test
	if s.testTarget, err = p.assignTarget(false); err != nil {
		return nil, err
	}
	p.i = after
	if err := p.expectName("in"); err != nil {
		return nil, err
	}
	if s.iter, err = p.tuple(tupleOpts{}); err != nil {
		return nil, err
	}
	if p.skipName("if") {
		if s.test, err = p.expression(); err != nil {
			return nil, err
		}
	}
	s.recursive = p.skipName("recursive")
	p.loops++
	s.body, err = p.body("endfor", "else")
	p.loops--
	if err != nil {
		return nil, err
	}
	if p.next().text == "else" {
		loops := p.loops
		if s.recursive {
			p.loops = 0
		}
		s.orelse, err = p.lastBody("endfor")
		p.loops = loops
	}
	return s, err
}

func (p *parser) with(line int) (stmt, error) {
	p.next()
	s := &withStmt{line: line}
	for p.cur().kind != tokBlockEnd {
		if len(s.targets) > 0 {
			if err := p.expectOp(","); err != nil {
				return nil, err
			}
		}
		t, err := p.assignTarget(false)
		if err != nil {
			return nil, err
		}
		if err := p.expectOp("="); err != nil {
			return nil, err
		}
		v, err := p.expression()
		if err != nil {
			return nil, err
		}
		s.targets, s.vals = append(s.targets, t), append(s.vals, v)
	}
	var err error
	s.body, err = p.lastBody("endwith")
	return s, err
}

// function parses a body that runs as a function of its own: loops outside cannot be left from it.
func (p *parser) function(end string) ([]stmt, error) {
	loops := p.loops
	p.loops = 0
	b, err := p.lastBody(end)
	p.loops = loops
	return b, err
}

func (p *parser) signature(d *macroDef) error {
	if err := p.expectOp("("); err != nil {
		return err
	}
	for !p.isOp(")") {
		if len(d.params) > 0 {
			if err := p.expectOp(","); err != nil {
				return err
			}
		}
		t, err := p.plainName()
		if err != nil {
			return err
		}
		if slices.Contains(d.params, t.name) {
			return p.fail(d.line, "duplicate argument %s in function definition", pyQuote(t.name))
		}
		if p.skipOp("=") {
			v, err := p.expression()
			if err != nil {
				return err
			}
			d.defaults = append(d.defaults, v)
		} else if len(d.defaults) > 0 {
			return p.fail(p.cur().line, "non-default argument follows default argument")
		}
		d.params = append(d.params, t.name)
	}
	return p.expectOp(")")
}

func (p *parser) macro(line int) (stmt, error) {
	p.next()
	t, err := p.plainName()
	if err != nil {
		return nil, err
	}
	d := &macroDef{name: t.name, line: line}
	if err := p.signature(d); err != nil {
		return nil, err
	}
	d.body, err = p.function("endmacro")
	return &macroStmt{target: t, def: d, line: line}, err
}

func (p *parser) callBlock(line int) (stmt, error) {
	p.next()
	d := &macroDef{line: line}
	if p.isOp("(") {
		if err := p.signature(d); err != nil {
			return nil, err
		}
	}
	e, err := p.expression()
	if err != nil {
		return nil, err
	}
	call, ok := e.(*callExpr)
	if !ok {
		return nil, p.fail(line, "expected call")
	}
	d.body, err = p.function("endcall")
	return &callStmt{call: call, def: d, line: line}, err
}

// generation parses the tag with which templates mark what the model writes: a call block
// around a function that returns its body.
func (p *parser) generation(line int) (stmt, error) {
	p.next()
	d := &macroDef{line: line}
	var err error
	d.body, err = p.function("endgeneration")
	return &callStmt{def: d, line: line}, err
}

func (p *parser) filterBlock(line int) (stmt, error) {
	p.next()
	s := &filterStmt{line: line}
	var err error
	if s.filter, err = p.filters(nil, true); err != nil {
		return nil, err
	}
	s.body, err = p.lastBody("endfilter")
	return s, err
}
