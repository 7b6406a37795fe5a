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
