package ir

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/tessera-llm/tessera/pkg/tensor"
)

// Parse reads the text form. It checks the grammar and the types of weights;
// call Verify for the rest. Blank lines and lines that start with # are
// skipped. Errors name the line.
func Parse(text string) (*Graph, error) {
	g := NewGraph("")
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		s := &scanner{text: line}
		if err := s.line(g); err != nil {
			return nil, fmt.Errorf("line %d: %w", i+1, err)
		}
		if s.space(); s.at < len(s.text) {
			return nil, fmt.Errorf("line %d: %q behind the end of the statement", i+1, s.text[s.at:])
		}
	}
	return g, nil
}

type scanner struct {
	text string
	at   int
}

func (s *scanner) space() {
	for s.at < len(s.text) && s.text[s.at] == ' ' {
		s.at++
	}
}

func (s *scanner) peek() byte {
	s.space()
	if s.at == len(s.text) {
		return 0
	}
	return s.text[s.at]
}

func (s *scanner) accept(c byte) bool {
	if s.peek() == c {
		s.at++
		return true
	}
	return false
}

func (s *scanner) expect(c byte) error {
	if !s.accept(c) {
		return fmt.Errorf("column %d: want %q", s.at+1, string(c))
	}
	return nil
}

// word reads a bare or quoted name.
func (s *scanner) word() (string, error) {
	if s.peek() == '"' {
		q, err := strconv.QuotedPrefix(s.text[s.at:])
		if err != nil {
			return "", fmt.Errorf("column %d: %w", s.at+1, err)
		}
		s.at += len(q)
		return strconv.Unquote(q)
	}
	from := s.at
	for s.at < len(s.text) && wordByte(s.text[s.at]) {
		s.at++
	}
	if s.at == from {
		return "", fmt.Errorf("column %d: want a name", s.at+1)
	}
	return s.text[from:s.at], nil
}

func (s *scanner) int() (int64, error) {
	w, err := s.word()
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(w, 10, 64)
}

func (s *scanner) value() (ValueID, error) {
	if err := s.expect('%'); err != nil {
		return None, err
	}
	n, err := s.int()
	if err != nil || n < 0 || n >= MaxValues {
		return None, fmt.Errorf("column %d: bad value number", s.at+1)
	}
	return ValueID(n), nil
}

func (s *scanner) line(g *Graph) error {
	if s.peek() == '%' {
		return s.node(g)
	}
	w, err := s.word()
	if err != nil {
		return err
	}
	switch w {
	case "graph":
		g.Name, err = s.word()
		return err
	case "input":
		v, err := s.declare(g)
		if err == nil {
			g.Inputs = append(g.Inputs, v)
		}
		return err
	case "output":
		v, err := s.value()
		if err == nil {
			g.Outputs = append(g.Outputs, v)
		}
		return err
	case "state":
		return s.state(g)
	case "weight":
		return s.weight(g)
	}
	return fmt.Errorf("unknown statement %q", w)
}

// declare reads "%3 name type [c4] [mark=name[:place]]".
func (s *scanner) declare(g *Graph) (ValueID, error) {
	id, err := s.value()
	if err != nil {
		return None, err
	}
	v := &Value{ID: id}
	if v.Name, err = s.word(); err != nil {
		return None, err
	}
	elem, err := s.word()
	if err != nil {
		return None, err
	}
	if v.Type.Elem, err = tensor.ParseElem(elem); err != nil {
		return None, err
	}
	if err := s.expect('['); err != nil {
		return None, err
	}
	v.Type.Shape = Shape{}
	for !s.accept(']') {
		if len(v.Type.Shape) > 0 {
			if err := s.expect(','); err != nil {
				return None, err
			}
		}
		d, err := s.dim()
		if err != nil {
			return None, err
		}
		v.Type.Shape = append(v.Type.Shape, d)
	}
	if s.accept(':') {
		if v.Type.Scheme, err = s.word(); err != nil {
			return None, err
		}
	}
	for c := s.peek(); c == 'c' || c == 'm'; c = s.peek() {
		w, err := s.word()
		switch {
		case err != nil:
			return None, err
		case w == "c4":
			v.Layout = C4
		case w == "mark" && s.accept('='):
			if v.Mark, err = s.word(); err != nil {
				return None, err
			}
			if s.accept(':') {
				at, err := s.int()
				if err != nil || at < 0 || at >= MaxValues {
					return None, fmt.Errorf("column %d: bad place at a boundary", s.at+1)
				}
				v.MarkAt = int(at)
			}
		default:
			return None, fmt.Errorf("unknown property %q", w)
		}
	}
	for int(id) >= len(g.values) {
		g.values = append(g.values, nil)
	}
	if g.values[id] != nil {
		return None, fmt.Errorf("value %%%d declared twice", id)
	}
	g.values[id] = v
	return id, nil
}

func (s *scanner) dim() (Dim, error) {
	w, err := s.word()
	if err != nil {
		return 0, err
	}
	for _, d := range []Dim{S, R, A, M} {
		if w == d.String() {
			return d, nil
		}
	}
	n, err := strconv.ParseInt(w, 10, 64)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("bad dimension %q", w)
	}
	return Dim(n), nil
}

func (s *scanner) state(g *Graph) error {
	if err := s.expect('$'); err != nil {
		return err
	}
	st := &State{}
	var err error
	if st.Name, err = s.word(); err != nil {
		return err
	}
	seen := map[string]bool{}
	for s.peek() != 0 {
		key, err := s.stateProperty(st)
		if err != nil {
			return err
		}
		if seen[key] {
			return fmt.Errorf("state %s has %s twice", st.Name, key)
		}
		seen[key] = true
	}
	g.AddState(st)
	return nil
}

func (s *scanner) node(g *Graph) error {
	n := &Node{}
	for {
		v, err := s.declare(g)
		if err != nil {
			return err
		}
		n.Out = append(n.Out, v)
		if !s.accept(',') {
			break
		}
	}
	if err := s.expect('='); err != nil {
		return err
	}
	op, err := s.word()
	if err != nil {
		return err
	}
	n.Op = OpName(op)
	if err := s.expect('('); err != nil {
		return err
	}
	for first := true; !s.accept(')'); first = false {
		if !first {
			if err := s.expect(','); err != nil {
				return err
			}
		}
		if err := s.operand(n); err != nil {
			return err
		}
	}
	if s.accept('{') {
		for first := true; !s.accept('}'); first = false {
			if !first {
				if err := s.expect(','); err != nil {
					return err
				}
			}
			a, err := s.attr()
			if err != nil {
				return err
			}
			n.Attrs = append(n.Attrs, a)
		}
	}
	g.Nodes = append(g.Nodes, n)
	return nil
}

func (s *scanner) operand(n *Node) error {
	switch s.peek() {
	case '%':
		v, err := s.value()
		n.In = append(n.In, v)
		return err
	case '@':
		s.at++
		w, err := s.word()
		n.Weights = append(n.Weights, w)
		return err
	case '$':
		s.at++
		w, err := s.word()
		n.States = append(n.States, w)
		return err
	}
	return fmt.Errorf("column %d: want an operand", s.at+1)
}

func (s *scanner) attr() (Attr, error) {
	key, err := s.word()
	if err != nil {
		return Attr{}, err
	}
	if err := s.expect('='); err != nil {
		return Attr{}, err
	}
	switch s.peek() {
	case '"':
		v, err := s.word()
		return StringAttr(key, v), err
	case '[':
		l, err := s.ints()
		return IntsAttr(key, l...), err
	}
	v, err := s.word()
	if err != nil {
		return Attr{}, err
	}
	if i, err := strconv.ParseInt(v, 10, 64); err == nil {
		return IntAttr(key, i), nil
	}
	f, err := strconv.ParseFloat(v, 64)
	if err != nil {
		return Attr{}, fmt.Errorf("attribute %s: bad value %q", key, v)
	}
	return FloatAttr(key, f), nil
}

func (s *scanner) ints() ([]int64, error) {
	if err := s.expect('['); err != nil {
		return nil, err
	}
	var l []int64
	for !s.accept(']') {
		if len(l) > 0 {
			if err := s.expect(','); err != nil {
				return nil, err
			}
		}
		v, err := s.int()
		if err != nil {
			return nil, err
		}
		l = append(l, v)
	}
	return l, nil
}
