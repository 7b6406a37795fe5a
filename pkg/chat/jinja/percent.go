package jinja

import (
	"math"
	"math/big"
	"strings"
	"unicode/utf8"
)

// percenter is one evaluation of format % values.
type percenter struct {
	st   *state
	x    *Str
	i    int
	vals []Value
	next int
	dict Value // the mapping for %(name)s, nil without
	esc  bool
}

// percent is x % v for strings.
func percent(st *state, x *Str, v Value) (Value, error) {
	p := &percenter{st: st, x: x, vals: []Value{v}, esc: x.markup}
	switch v := v.(type) {
	case *Tuple:
		p.vals = v.items
	case *Dict, *List, *rangeObj, *Undefined:
		p.dict = v
	}
	if err := st.alloc(int64(len(x.s))); err != nil {
		return nil, err
	}
	var w buf
	for {
		k := strings.IndexByte(x.s[p.i:], '%')
		if k < 0 {
			w.sub(x, p.i, len(x.s))
			break
		}
		w.sub(x, p.i, p.i+k)
		p.i += k + 1
		s, err := p.conversion()
		if err != nil {
			return nil, err
		}
		if err := st.alloc(int64(len(s.s))); err != nil {
			return nil, err
		}
		w.str(s)
	}
	if p.next < len(p.vals) && p.dict == nil {
		return nil, typeErr("not all arguments converted during string formatting")
	}
	return w.done().like(x), nil
}

func (p *percenter) value() (Value, error) {
	if p.next >= len(p.vals) {
		return nil, typeErr("not enough arguments for format string")
	}
	p.next++
	return p.vals[p.next-1], nil
}

func (p *percenter) peek() byte {
	if p.i < len(p.x.s) {
		return p.x.s[p.i]
	}
	return 0
}

// count reads a width or precision: digits or *.
func (p *percenter) count() (int64, error) {
	if p.peek() == '*' {
		p.i++
		v, err := p.value()
		if err != nil {
			return 0, err
		}
		if b, isBool := v.(bool); isBool {
			v, _ = intArg(b)
		}
		n, ok := v.(int64)
		if !ok && isInt(v) {
			return 0, errf(KindOverflow, "Python int too large to convert to C ssize_t")
		}
		if !ok {
			return 0, typeErr("* wants int")
		}
		if n > maxWidth || n < -maxWidth {
			return 0, errf(KindLimit, "format width or precision %d", n)
		}
		return n, nil
	}
	n := int64(0)
	for isDigit(p.peek()) {
		n = n*10 + int64(p.peek()-'0')
		p.i++
		if n > maxWidth {
			return 0, errf(KindLimit, "format width or precision %d", n)
		}
	}
	return n, nil
}

func (p *percenter) conversion() (*Str, error) {
	if p.peek() == '%' {
		p.i++
		return newStr("%"), nil
	}
	var keyed Value
	if p.peek() == '(' {
		if p.dict == nil {
			return nil, typeErr("format requires a mapping")
		}
		nest, start := 1, p.i+1
		for p.i++; p.i < len(p.x.s) && nest > 0; p.i++ {
			switch p.x.s[p.i] {
			case '(':
				nest++
			case ')':
				nest--
			}
		}
		if nest > 0 {
			return nil, valueErr("incomplete format key")
		}
		key := p.x.sub(start, p.i-1).plain()
		var err error
		if keyed, err = item(p.st, p.dict, key); err != nil {
			return nil, err
		}
		switch p.dict.(type) {
		case *List, *rangeObj:
			return nil, typeErr("%s indices must be integers or slices, not str", typeName(p.dict))
		}
		if keyed == nil {
			return nil, errf(KindKey, "%s", pyQuote(key.s))
		}
	}
	f := fspec{fill: newStr(" "), prec: -1}
	left, zero := false, false
	for done := false; !done; {
		switch p.peek() {
		case '-':
			left = true
		case '+':
			f.sign = '+'
		case ' ':
			if f.sign == 0 {
				f.sign = ' '
			}
		case '#':
			f.alt = true
		case '0':
			zero = true
		default:
			done = true
			continue
		}
		p.i++
	}
	var err error
	if f.width, err = p.count(); err != nil {
		return nil, err
	}
	if f.width < 0 {
		left, f.width = true, -f.width
	}
	if p.peek() == '.' {
		p.i++
		if f.prec, err = p.count(); err != nil {
			return nil, err
		}
		f.prec = max(f.prec, 0)
	}
	if c := p.peek(); c == 'h' || c == 'l' || c == 'L' {
		p.i++
	}
	if p.i >= len(p.x.s) {
		return nil, valueErr("incomplete format")
	}
	verb := p.x.s[p.i]
	p.i++
	v := keyed
	if v == nil {
		if v, err = p.value(); err != nil {
			return nil, err
		}
	}
	switch {
	case left:
		f.align = '<'
	case zero && strings.IndexByte("diouxXeEfFgG", verb) >= 0:
		f.align, f.fill = '=', newStr("0")
	default:
		f.align = '>'
	}
	if err := p.st.alloc(f.width + max(f.prec, 0) + 32); err != nil {
		return nil, err
	}
	return p.format(&f, verb, v)
}

func (p *percenter) format(f *fspec, verb byte, v Value) (*Str, error) {
	switch verb {
	case 's', 'r', 'a':
		s, err := p.text(verb, v)
		if err != nil {
			return nil, err
		}
		if f.prec >= 0 {
			s = s.sub(0, s.offset(int(f.prec)))
		}
		return pad(p.st, s, f.width, f.fill, alignSplit(f.align))
	case 'c':
		s, ok := v.(*Str)
		if !ok {
			n, isNum := v.(int64)
			if b, isBool := v.(bool); isBool {
				n, _ = intArg(b)
				isNum = true
			}
			if !isNum && !isInt(v) {
				return nil, typeErr("%%c requires int or char")
			}
			if !isNum || n < 0 || n > 0x10ffff {
				return nil, errf(KindOverflow, "%%c arg not in range(0x110000)")
			}
			s = newStr(string(rune(n)))
		}
		if s.runeLen() != 1 {
			return nil, typeErr("%%c requires int or char")
		}
		return pad(p.st, s.plain(), f.width, f.fill, alignSplit(f.align))
	case 'd', 'i', 'u', 'o', 'x', 'X':
		return p.integer(f, verb, v)
	case 'e', 'E', 'f', 'F', 'g', 'G':
		if u, ok := v.(*Undefined); ok {
			return nil, u.err()
		}
		n := toNum(v)
		if n.kind == 0 {
			return nil, typeErr("must be real number, not %s", typeName(v))
		}
		x, err := n.float()
		if err != nil {
			return nil, err
		}
		f.verb = verb
		if f.prec < 0 {
			f.prec = 6
		}
		if math.IsInf(x, 0) || math.IsNaN(x) {
			if f.align == '=' {
				f.align = '>'
				f.fill = newStr("0")
			}
		}
		return f.float(p.st, v, x)
	}
	_, n := utf8.DecodeRuneInString(p.x.s[p.i-1:])
	return nil, valueErr("unsupported format character '%s' (0x%x) at index %d", p.x.s[p.i-1:p.i-1+n], verb, utf8.RuneCountInString(p.x.s[:p.i-1]))
}

func (p *percenter) text(verb byte, v Value) (*Str, error) {
	if verb == 's' {
		s, err := p.st.softStr(v)
		if err == nil && p.esc {
			s = escapeHTML(s)
		}
		if err != nil {
			return nil, err
		}
		return s.plain(), nil
	}
	var w buf
	if err := p.st.repr(&w, v); err != nil {
		return nil, err
	}
	s := w.done()
	if p.esc {
		s = escapeHTML(s).plain()
	}
	if verb == 'a' {
		s = asciiOnly(s)
	}
	return s, nil
}

func (p *percenter) integer(f *fspec, verb byte, v Value) (*Str, error) {
	n := toNum(v)
	need := "a real number"
	if strings.IndexByte("oxX", verb) >= 0 {
		need = "an integer"
	}
	if u, ok := v.(*Undefined); ok && need != "an integer" {
		return nil, u.err()
	}
	if n.kind == 0 || n.kind == 'f' && need == "an integer" {
		return nil, typeErr("%%%c format: %s is required, not %s", verb, need, typeName(v))
	}
	var b *big.Int
	if n.kind == 'f' {
		var err error
		if b, err = truncFloat(n.f); err != nil {
			return nil, err
		}
	} else {
		b = n.big()
	}
	f.verb = verb
	if verb == 'i' || verb == 'u' {
		f.verb = 'd'
	}
	prec := f.prec
	f.prec = -1
	if prec < 0 {
		return f.int(p.st, v, b)
	}
	digits := *f
	digits.width, digits.sign, digits.alt, digits.align = 0, 0, false, '>'
	s, err := digits.int(p.st, v, new(big.Int).Abs(b))
	if err != nil {
		return nil, err
	}
	prefix := ""
	if f.alt && f.verb != 'd' {
		prefix = "0" + string(f.verb)
	}
	return f.number(p.st, b.Sign() < 0, prefix, strings.Repeat("0", max(int(prec)-len(s.s), 0))+s.s, "")
}
