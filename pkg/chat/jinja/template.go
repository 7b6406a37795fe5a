package jinja

import (
	"context"
	"time"
)

// Template is a compiled template. It is immutable.
type Template struct {
	body   []stmt
	nslots int
	words  map[string]bool
}

// Span is a piece of rendered text. Trusted text was written by the template or given as Trusted.
type Span struct {
	Text    string
	Trusted bool
}

// Options are the surroundings of one rendering.
type Options struct {
	Now    func() time.Time // the clock of strftime_now; time.Now when nil
	Limits Limits
}

// Parse compiles a template.
func Parse(src string) (*Template, error) {
	if len(src) > maxSource {
		return nil, errf(KindLimit, "template of %d bytes, at most %d are read", len(src), maxSource)
	}
	toks, err := lex(src)
	if err != nil {
		return nil, err
	}
	p := &parser{toks: toks}
	body, err := p.statements(nil)
	if err != nil {
		return nil, err
	}
	u := &unit{}
	r := &resolver{}
	r.push(u, func(y *symbols) { y.visit(body) })
	if err := r.body(body); err != nil {
		return nil, err
	}
	t := &Template{body: body, nslots: u.n, words: map[string]bool{}}
	walkStmts(body, nil, func(e expr) {
		switch e := e.(type) {
		case *nameExpr:
			t.words[e.name] = true
		case *attrExpr:
			t.words[e.name.s] = true
		case *constExpr:
			if s, ok := e.v.(*Str); ok && len(s.s) < 64 {
				t.words[s.s] = true
			}
		}
	})
	return t, nil
}

// Mentions reports whether the template uses word as a name, as an attribute or as a whole string, that is,
// whether it can look at a variable or a message key of that name.
func (t *Template) Mentions(word string) bool { return t.words[word] }

// Render runs the template on the variables. Adjacent spans differ in trust; none is empty.
func (t *Template) Render(ctx context.Context, vars *Map, opt Options) ([]Span, error) {
	text, err := t.render(ctx, vars, opt)
	if err != nil {
		return nil, err
	}
	var out []Span
	text.runs(0, len(text.s), func(s string, tainted bool) {
		out = append(out, Span{Text: s, Trusted: !tainted})
	})
	return out, nil
}

func (t *Template) render(ctx context.Context, vars *Map, opt Options) (*Str, error) {
	v, err := toValue(vars, 0)
	if err != nil {
		return nil, err
	}
	lim := opt.Limits.withDefaults()
	st := &state{ctx: ctx, lim: lim, deadline: time.Now().Add(lim.Time), now: opt.Now, vars: v.(*Dict), out: &buf{}}
	if st.now == nil {
		st.now = time.Now
	}
	if err := ctx.Err(); err != nil {
		return nil, &Error{Kind: KindLimit, Msg: "rendering cancelled: " + err.Error(), cause: err}
	}
	f := &frame{slots: make([]Value, t.nslots)}
	if _, err := st.run(f, t.body); err != nil {
		return nil, err
	}
	return st.out.done(), nil
}
