package jinja

import (
	"slices"
	"strings"
)

const (
	maxSource = 1 << 20 // bytes of template text
	maxNest   = 100     // nested brackets and blocks
	maxChain  = 500     // operators in a row
)

type parser struct {
	toks  []token
	i     int
	nest  int
	loops int        // enclosing loops that break and continue may leave
	ends  [][]string // end tags that enclosing blocks wait for
	tags  []string   // enclosing tags
}

func (p *parser) cur() token { return p.toks[p.i] }

func (p *parser) next() token {
	t := p.toks[p.i]
	if t.kind != tokEOF {
		p.i++
	}
	return t
}

func (p *parser) peek() token {
	if p.i+1 < len(p.toks) {
		return p.toks[p.i+1]
	}
	return p.toks[p.i]
}

func (p *parser) fail(line int, format string, args ...any) error {
	return atLine(errf(KindSyntax, format, args...), line)
}

func (p *parser) isOp(op string) bool { return p.cur().kind == tokOp && p.cur().text == op }

func (p *parser) isName(name string) bool { return p.cur().kind == tokName && p.cur().text == name }

func (p *parser) skipOp(op string) bool {
	if p.isOp(op) {
		p.i++
		return true
	}
	return false
}

func (p *parser) skipName(name string) bool {
	if p.isName(name) {
		p.i++
		return true
	}
	return false
}

func (p *parser) expectOp(op string) error {
	if !p.skipOp(op) {
		return p.unexpected(op)
	}
	return nil
}

func (p *parser) expectName(name string) error {
	if !p.skipName(name) {
		return p.unexpected(name)
	}
	return nil
}

func (p *parser) unexpected(want string) error {
	t := p.cur()
	if t.kind == tokEOF {
		return p.fail(t.line, "unexpected end of template, expected '%s'.", want)
	}
	return p.fail(t.line, "expected token '%s', got %s", want, pyQuote(t.describe()))
}

func (p *parser) name() (token, error) {
	if p.cur().kind != tokName {
		return token{}, p.unexpected("name")
	}
	return p.next(), nil
}

// deeper guards recursion; the caller must call p.nest-- when it returns nil.
func (p *parser) deeper() error {
	if p.nest >= maxNest {
		return p.fail(p.cur().line, "nested more than %d levels deep", maxNest)
	}
	p.nest++
	return nil
}

// body parses statements up to one of the end tags, which becomes the current token.
func (p *parser) body(ends ...string) ([]stmt, error) {
	p.skipOp(":")
	if p.cur().kind != tokBlockEnd {
		return nil, p.unexpected("end of statement block")
	}
	p.next()
	p.ends = append(p.ends, ends)
	defer func() { p.ends = p.ends[:len(p.ends)-1] }()
	b, err := p.statements(ends)
	if err != nil {
		return nil, err
	}
	if p.cur().kind == tokEOF {
		return nil, p.lost("", p.cur().line)
	}
	return b, nil
}

// lastBody parses a body that ends with one tag and skips that tag.
func (p *parser) lastBody(end string) ([]stmt, error) {
	b, err := p.body(end)
	if err == nil {
		p.next()
	}
	return b, err
}

// lost reports an unknown tag, or the end of the template when tag is empty.
func (p *parser) lost(tag string, line int) error {
	msg := "Unexpected end of template."
	if tag != "" {
		msg = "Encountered unknown tag " + pyQuote(tag) + "."
	}
	if len(p.ends) > 0 {
		var want []string
		for _, e := range p.ends[len(p.ends)-1] {
			want = append(want, pyQuote(e))
		}
		looking := strings.Join(want, " or ")
		nested := slices.ContainsFunc(p.ends, func(e []string) bool { return slices.Contains(e, tag) })
		if tag != "" && nested {
			msg += " You probably made a nesting mistake. Jinja is expecting this tag, but currently looking for " + looking + "."
		} else {
			msg += " Jinja was looking for the following tags: " + looking + "."
		}
	}
	if len(p.tags) > 0 {
		msg += " The innermost block that needs to be closed is " + pyQuote(p.tags[len(p.tags)-1]) + "."
	}
	return p.fail(line, "%s", msg)
}

func (p *parser) statements(ends []string) ([]stmt, error) {
	if err := p.deeper(); err != nil {
		return nil, err
	}
	defer func() { p.nest-- }()
	var out []stmt
	var text *outputStmt
	add := func(e expr, line int) {
		if text == nil {
			text = &outputStmt{line: line}
			out = append(out, text)
		}
		text.items = append(text.items, e)
	}
	for {
		t := p.cur()
		switch t.kind {
		case tokEOF:
			return out, nil
		case tokData:
			p.next()
			add(&constExpr{newStr(t.text)}, t.line)
		case tokVarBegin:
			p.next()
			e, err := p.tuple(tupleOpts{cond: true})
			if err != nil {
				return nil, err
			}
			if p.cur().kind != tokVarEnd {
				return nil, p.unexpected("end of print statement")
			}
			p.next()
			add(e, t.line)
		case tokBlockBegin:
			text = nil
			p.next()
			if p.cur().kind == tokName && slices.Contains(ends, p.cur().text) {
				return out, nil
			}
			s, err := p.statement()
			if err != nil {
				return nil, err
			}
			out = append(out, s)
			if p.cur().kind != tokBlockEnd {
				return nil, p.unexpected("end of statement block")
			}
			p.next()
		default:
			return nil, p.unexpected("template data / text")
		}
	}
}
