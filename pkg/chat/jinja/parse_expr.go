package jinja

import (
	"slices"
	"strings"
)

var constNames = map[string]Value{
	"true": true, "True": true, "false": false, "False": false, "none": None, "None": None,
}

func (p *parser) plainName() (*nameTarget, error) {
	t, err := p.name()
	if err != nil {
		return nil, err
	}
	if _, ok := constNames[t.text]; ok {
		return nil, p.fail(t.line, "can't assign to 'name'")
	}
	return &nameTarget{name: t.text}, nil
}

// assignTarget parses what stands left of = or of "in": names, namespace attributes, tuples of them.
func (p *parser) assignTarget(namespace bool) (target, error) {
	line := p.cur().line
	e, err := p.tuple(tupleOpts{simple: true, namespace: namespace})
	if err != nil {
		return nil, err
	}
	return p.toTarget(e, line)
}

func (p *parser) toTarget(e expr, line int) (target, error) {
	kind := "expression"
	switch e := e.(type) {
	case *nameExpr:
		return &nameTarget{name: e.name}, nil
	case *nsRefExpr:
		return &nsTarget{ns: e.ns, attr: newStr(e.attr)}, nil
	case *tupleExpr:
		t := &tupleTarget{}
		for _, it := range e.items {
			sub, err := p.toTarget(it, line)
			if err != nil {
				return nil, err
			}
			t.items = append(t.items, sub)
		}
		return t, nil
	case *constExpr:
		kind = "const"
	case *listExpr:
		kind = "list"
	case *dictExpr:
		kind = "dict"
	}
	return nil, p.fail(line, "can't assign to '%s'", kind)
}

// nsRefExpr is ns.attr as an assignment target; it never survives parsing.
type nsRefExpr struct {
	ns   *nameExpr
	attr string
}

func (*nsRefExpr) eval(*state, *frame) (Value, error) {
	return nil, errf(KindSyntax, "namespace reference in an expression")
}

type tupleOpts struct {
	simple    bool // names and literals only
	namespace bool // ns.attr allowed
	cond      bool // inline if allowed
	parens    bool // in parentheses, so it may be empty
}

func (p *parser) tuple(o tupleOpts) (expr, error) {
	line := p.cur().line
	var items []expr
	isTuple := false
	for {
		if len(items) > 0 {
			if err := p.expectOp(","); err != nil {
				return nil, err
			}
		}
		k := p.cur().kind
		if k == tokVarEnd || k == tokBlockEnd || p.isOp(")") {
			break
		}
		var e expr
		var err error
		switch {
		case o.simple:
			e, err = p.primary(o.namespace)
		case o.cond || o.parens:
			e, err = p.expression()
		default:
			if err = p.deeper(); err == nil {
				e, err = p.or()
				p.nest--
			}
		}
		if err != nil {
			return nil, err
		}
		items = append(items, e)
		if !p.isOp(",") {
			break
		}
		isTuple = true
	}
	if !isTuple {
		if len(items) > 0 {
			return items[0], nil
		}
		if !o.parens {
			return nil, p.fail(line, "Expected an expression, got %s", pyQuote(p.cur().describe()))
		}
	}
	return &tupleExpr{items}, nil
}

func (p *parser) expression() (expr, error) {
	if err := p.deeper(); err != nil {
		return nil, err
	}
	defer func() { p.nest-- }()
	line := p.cur().line
	e, err := p.or()
	if err != nil {
		return nil, err
	}
	for n := 0; p.skipName("if"); n++ {
		if n > maxChain {
			return nil, p.tooLong()
		}
		c := &condExpr{yes: e, line: line}
		if c.test, err = p.or(); err != nil {
			return nil, err
		}
		if p.skipName("else") {
			if c.no, err = p.expression(); err != nil {
				return nil, err
			}
		}
		e = c
		line = p.cur().line
	}
	return e, nil
}

func (p *parser) tooLong() error {
	return p.fail(p.cur().line, "more than %d operators in a row", maxChain)
}

func (p *parser) or() (expr, error) {
	return p.logic("or", p.and)
}

func (p *parser) and() (expr, error) {
	return p.logic("and", p.not)
}

func (p *parser) logic(word string, sub func() (expr, error)) (expr, error) {
	a, err := sub()
	if err != nil {
		return nil, err
	}
	for n := 0; p.skipName(word); n++ {
		if n > maxChain {
			return nil, p.tooLong()
		}
		b, err := sub()
		if err != nil {
			return nil, err
		}
		a = &logicExpr{or: word == "or", a: a, b: b}
	}
	return a, nil
}

func (p *parser) not() (expr, error) {
	if !p.isName("not") {
		return p.compare()
	}
	line := p.next().line
	if err := p.deeper(); err != nil {
		return nil, err
	}
	x, err := p.not()
	p.nest--
	return &unaryExpr{op: '!', x: x, line: line}, err
}

var compareOps = []string{"==", "!=", "<", "<=", ">", ">="}

func (p *parser) compare() (expr, error) {
	line := p.cur().line
	first, err := p.binary(0)
	if err != nil {
		return nil, err
	}
	c := &compareExpr{first: first, line: line}
	for {
		t := p.cur()
		op := ""
		switch {
		case t.kind == tokOp && slices.Contains(compareOps, t.text):
			op = t.text
			p.next()
		case p.skipName("in"):
			op = "in"
		case p.isName("not") && p.peek().kind == tokName && p.peek().text == "in":
			op = "not in"
			p.i += 2
		}
		if op == "" {
			break
		}
		e, err := p.binary(0)
		if err != nil {
			return nil, err
		}
		if len(c.ops) > maxChain {
			return nil, p.tooLong()
		}
		c.ops = append(c.ops, op)
		c.rest = append(c.rest, e)
	}
	if len(c.ops) == 0 {
		return first, nil
	}
	return c, nil
}

// binaryLevels are the left-associative operators, loosest first; ~ stands between + and *.
var binaryLevels = [][]string{{"+", "-"}, {"~"}, {"*", "/", "//", "%"}, {"**"}}

func (p *parser) binary(level int) (expr, error) {
	if level == len(binaryLevels) {
		return p.unary(true)
	}
	line := p.cur().line
	a, err := p.binary(level + 1)
	if err != nil {
		return nil, err
	}
	for n := 0; p.cur().kind == tokOp && slices.Contains(binaryLevels[level], p.cur().text); n++ {
		op := p.next().text
		b, err := p.binary(level + 1)
		if err != nil {
			return nil, err
		}
		if n > maxChain {
			return nil, p.tooLong()
		}
		if op != "~" {
			a = &binExpr{op: op, a: a, b: b, line: line}
		} else if c, ok := a.(*concatExpr); ok && n > 0 {
			c.items = append(c.items, b)
		} else {
			a = &concatExpr{items: []expr{a, b}}
		}
	}
	return a, nil
}

func (p *parser) unary(filters bool) (expr, error) {
	t := p.cur()
	var e expr
	var err error
	if p.isOp("-") || p.isOp("+") {
		p.next()
		if err = p.deeper(); err != nil {
			return nil, err
		}
		e, err = p.unary(false)
		p.nest--
		if err == nil {
			e = &unaryExpr{op: t.text[0], x: e, line: t.line}
		}
	} else {
		e, err = p.primary(false)
	}
	if err != nil {
		return nil, err
	}
	if e, err = p.postfix(e); err != nil || !filters {
		return e, err
	}
	return p.filterChain(e)
}

func (p *parser) primary(namespace bool) (expr, error) {
	t := p.cur()
	switch t.kind {
	case tokName:
		p.next()
		if v, ok := constNames[t.text]; ok {
			return &constExpr{v}, nil
		}
		n := &nameExpr{name: t.text, str: newStr(t.text), line: t.line}
		if namespace && p.skipOp(".") {
			a, err := p.name()
			return &nsRefExpr{ns: n, attr: a.text}, err
		}
		return n, nil
	case tokString:
		p.next()
		if p.cur().kind != tokString {
			return &constExpr{t.val}, nil
		}
		var b strings.Builder
		b.WriteString(t.text)
		for p.cur().kind == tokString {
			b.WriteString(p.next().text)
		}
		return &constExpr{newStr(b.String())}, nil
	case tokNumber:
		p.next()
		return &constExpr{t.val}, nil
	case tokOp:
		switch t.text {
		case "(":
			p.next()
			if err := p.deeper(); err != nil {
				return nil, err
			}
			e, err := p.tuple(tupleOpts{parens: true})
			p.nest--
			if err != nil {
				return nil, err
			}
			return e, p.expectOp(")")
		case "[":
			items, err := p.list()
			return &listExpr{items}, err
		case "{":
			return p.dict()
		}
	}
	return nil, p.fail(t.line, "unexpected %s", pyQuote(t.describe()))
}

func (p *parser) list() ([]expr, error) {
	p.next()
	items := []expr{}
	for !p.isOp("]") {
		if len(items) > 0 {
			if err := p.expectOp(","); err != nil {
				return nil, err
			}
			if p.isOp("]") {
				break
			}
		}
		e, err := p.expression()
		if err != nil {
			return nil, err
		}
		items = append(items, e)
	}
	return items, p.expectOp("]")
}

func (p *parser) dict() (expr, error) {
	p.next()
	d := &dictExpr{}
	for !p.isOp("}") {
		if len(d.keys) > 0 {
			if err := p.expectOp(","); err != nil {
				return nil, err
			}
			if p.isOp("}") {
				break
			}
		}
		k, err := p.expression()
		if err != nil {
			return nil, err
		}
		if err := p.expectOp(":"); err != nil {
			return nil, err
		}
		v, err := p.expression()
		if err != nil {
			return nil, err
		}
		d.keys, d.vals = append(d.keys, k), append(d.vals, v)
	}
	return d, p.expectOp("}")
}
