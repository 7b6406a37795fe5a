package jinja

import (
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"
)

// fspec is a parsed format specification: [[fill]align][sign][z][#][0][width][,_][.prec][type].
type fspec struct {
	fill  *Str
	align byte // '<', '>', '^', '=', or 0
	sign  byte
	alt   bool
	zero  bool
	width int64
	group byte
	noNeg bool  // z: a result that is zero has no sign
	prec  int64 // -1 without
	verb  byte  // 0 without
}

const maxWidth = 1 << 24

func parseSpec(spec *Str) (fspec, error) {
	f := fspec{fill: newStr(" "), prec: -1}
	s := spec.s
	bad := func() (fspec, error) { return f, valueErr("Invalid format specifier") }
	i := 0
	if _, n := utf8.DecodeRuneInString(s); n < len(s) && strings.IndexByte("<>^=", s[n]) >= 0 {
		f.fill, f.align, i = spec.sub(0, n), s[n], n+1
	} else if s != "" && strings.IndexByte("<>^=", s[0]) >= 0 {
		f.align, i = s[0], 1
	}
	filled := i > 1
	if i < len(s) && strings.IndexByte("+- ", s[i]) >= 0 {
		f.sign = s[i]
		i++
	}
	if i < len(s) && s[i] == 'z' {
		f.noNeg = true
		i++
	}
	if i < len(s) && s[i] == '#' {
		f.alt = true
		i++
	}
	if i < len(s) && s[i] == '0' {
		if !filled {
			f.fill = newStr("0")
		}
		f.zero = true
		if f.align == 0 {
			f.align = '='
		}
		i++
	}
	number := func() (int64, bool, error) {
		start := i
		for i < len(s) && isDigit(s[i]) {
			i++
		}
		if start == i {
			return 0, false, nil
		}
		n, err := strconv.ParseInt(s[start:i], 10, 64)
		if err != nil {
			return 0, false, valueErr("Too many decimal digits in format string")
		}
		if n > maxWidth {
			return 0, false, errf(KindLimit, "format width or precision %d", n)
		}
		return n, true, nil
	}
	var err error
	if f.width, _, err = number(); err != nil {
		return f, err
	}
	if i < len(s) && (s[i] == ',' || s[i] == '_') {
		f.group = s[i]
		i++
	}
	if i < len(s) && s[i] == '.' {
		i++
		n, ok, err := number()
		if err != nil {
			return f, err
		}
		if !ok {
			return f, valueErr("Format specifier missing precision")
		}
		f.prec = n
	}
	if i < len(s) {
		if i+1 != len(s) {
			return bad()
		}
		f.verb = s[i]
	}
	return f, nil
}

// formatValue is format(v, spec).
func formatValue(st *state, v Value, spec *Str) (*Str, error) {
	if spec.s == "" {
		return st.str(v)
	}
	if err := st.work(len(spec.s)); err != nil {
		return nil, err
	}
	switch v.(type) {
	case *Str, bool, int64, *big.Int, float64:
	default:
		return nil, typeErr("unsupported format string passed to %s.__format__", typeName(v))
	}
	f, err := parseSpec(spec)
	if err != nil {
		return nil, err
	}
	if s, ok := v.(*Str); ok {
		return f.str(st, s)
	}
	if err := st.alloc(f.width + max(f.prec, 0) + 32); err != nil {
		return nil, err
	}
	n := toNum(v)
	if n.kind == 'f' || f.verb != 0 && strings.IndexByte("eEfFgG%", f.verb) >= 0 {
		x, err := n.float()
		if err != nil {
			return nil, err
		}
		return f.float(st, v, x)
	}
	return f.int(st, v, n.big())
}

func (f *fspec) unknown(v Value) error {
	return valueErr("Unknown format code '%c' for object of type '%s'", f.verb, typeName(v))
}

func (f *fspec) str(st *state, x *Str) (*Str, error) {
	if f.verb != 0 && f.verb != 's' {
		return nil, f.unknown(x)
	}
	if f.sign != 0 {
		return nil, valueErr("Sign not allowed in string format specifier")
	}
	if f.noNeg {
		return nil, valueErr("Negative zero coercion (z) not allowed in string format specifier")
	}
	if f.alt {
		return nil, valueErr("Alternate form (#) not allowed in string format specifier")
	}
	if f.group != 0 {
		return nil, valueErr("Cannot specify '%c' with 's'.", f.group)
	}
	align := f.align
	if align == '=' {
		if !f.zero {
			return nil, valueErr("'=' alignment not allowed in string format specifier")
		}
		align = '<'
	}
	if f.prec >= 0 && int64(x.runeLen()) > f.prec {
		x = x.sub(0, x.offset(int(f.prec)))
	}
	if align == 0 {
		align = '<'
	}
	return pad(st, x.plain(), f.width, f.fill, alignSplit(align))
}

func alignSplit(align byte) func(n, width int) (int, int) {
	return func(n, _ int) (int, int) {
		switch align {
		case '<':
			return 0, n
		case '^':
			return n / 2, n - n/2
		}
		return n, 0
	}
}

// number lays out sign, prefix and digits in the width.
func (f *fspec) number(st *state, neg bool, prefix, digits, tail string) (*Str, error) {
	sign := ""
	switch {
	case neg:
		sign = "-"
	case f.sign == '+' || f.sign == ' ':
		sign = string(f.sign)
	}
	head := sign + prefix
	every := 3
	if f.group == '_' && prefixBase(f.verb) {
		every = 4
	}
	if f.group != 0 {
		width := 0
		if f.align == '=' && f.fill.s == "0" {
			width = int(f.width) - len(head) - len(tail)
		}
		digits = groupDigits(digits, f.group, every, width)
	}
	body := digits + tail
	if f.align == '=' {
		n := f.width - int64(len(head)) - int64(utf8.RuneCountInString(body))
		var w buf
		w.raw(head)
		for range max(n, 0) {
			w.str(f.fill)
		}
		w.raw(body)
		return w.done(), nil
	}
	align := f.align
	if align == 0 {
		align = '>'
	}
	return pad(st, newStr(head+body), f.width, f.fill, alignSplit(align))
}

func prefixBase(verb byte) bool { return strings.IndexByte("boxX", verb) >= 0 && verb != 0 }

// groupDigits inserts separators, filling with zeros up to the width.
func groupDigits(s string, sep byte, every, width int) string {
	var out []byte
	for i := 0; i < len(s) || len(out) < width; i++ {
		if i > 0 && i%every == 0 {
			out = append(out, sep)
			if i >= len(s) && len(out) >= width { // a separator may not lead
				out = append(out, '0')
				break
			}
		}
		if i < len(s) {
			out = append(out, s[len(s)-1-i])
		} else {
			out = append(out, '0')
		}
	}
	for i, j := 0, len(out)-1; i < j; i, j = i+1, j-1 {
		out[i], out[j] = out[j], out[i]
	}
	return string(out)
}

func (f *fspec) int(st *state, v Value, n *big.Int) (*Str, error) {
	if f.prec >= 0 {
		return nil, valueErr("Precision not allowed in integer format specifier")
	}
	if f.noNeg {
		return nil, valueErr("Negative zero coercion (z) not allowed in format specifier with integer")
	}
	neg := n.Sign() < 0
	abs := new(big.Int).Abs(n)
	base, prefix := 10, ""
	switch f.verb {
	case 0, 'd', 'n':
		if f.verb == 'n' && f.group != 0 {
			return nil, valueErr("Cannot specify '%c' with 'n'.", f.group)
		}
	case 'b':
		base, prefix = 2, "0b"
	case 'o':
		base, prefix = 8, "0o"
	case 'x', 'X':
		base, prefix = 16, "0"+string(f.verb)
	case 'c':
		if f.sign != 0 {
			return nil, valueErr("Sign not allowed with integer format specifier 'c'")
		}
		if !n.IsInt64() || neg || n.Int64() > 0x10ffff {
			return nil, errf(KindOverflow, "%%c arg not in range(0x110000)")
		}
		c := newStr(string(rune(n.Int64())))
		align := f.align
		if align == 0 || align == '=' {
			align = '<'
		}
		return pad(st, c, f.width, f.fill, alignSplit(align))
	default:
		return nil, f.unknown(v)
	}
	if f.group == ',' && prefix != "" {
		return nil, valueErr("Cannot specify ',' with '%c'.", f.verb)
	}
	if !f.alt {
		prefix = ""
	}
	digits := abs.Text(base)
	if f.verb == 'X' {
		digits = strings.ToUpper(digits)
	}
	return f.number(st, neg, prefix, digits, "")
}

func (f *fspec) float(st *state, v Value, x float64) (*Str, error) {
	verb, prec := f.verb, int(f.prec)
	percent := ""
	switch verb {
	case 0:
	case 'n':
		verb = 'g'
	case 'e', 'E', 'f', 'F', 'g', 'G':
	case '%':
		x, verb, percent = x*100, 'f', "%"
	default:
		return nil, f.unknown(v)
	}
	neg := math.Signbit(x) && !math.IsNaN(x)
	body := formatFloatVerb(math.Abs(x), verb, prec, f.alt)
	if mant, _, _ := strings.Cut(strings.ToLower(body), "e"); f.noNeg && strings.Trim(mant, "0.") == "" {
		neg = false
	}
	whole, tail := body, ""
	if k := strings.IndexAny(body, ".eE"); k >= 0 && !math.IsInf(x, 0) && !math.IsNaN(x) {
		whole, tail = body[:k], body[k:]
	}
	if math.IsInf(x, 0) || math.IsNaN(x) {
		g := f.group
		f.group = 0
		defer func() { f.group = g }()
	}
	return f.number(st, neg, "", whole, tail+percent)
}

// formatFloatVerb formats x >= 0. Verb 0 is repr, or g with at least one digit after
// the point when a precision is given.
func formatFloatVerb(x float64, verb byte, prec int, alt bool) string {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		s := formatFloat(x)
		if verb == 'E' || verb == 'F' || verb == 'G' {
			s = strings.ToUpper(s)
		}
		return s
	}
	switch verb {
	case 0:
		if prec < 0 {
			s := formatFloat(x)
			return s
		}
		s := formatG(x, prec, alt, true)
		return s
	case 'f', 'F':
		if prec < 0 {
			prec = 6
		}
		s := strconv.FormatFloat(x, 'f', prec, 64)
		if alt && prec == 0 {
			s += "."
		}
		return s
	case 'e', 'E':
		if prec < 0 {
			prec = 6
		}
		s := fixExp(strconv.FormatFloat(x, 'e', prec, 64), alt && prec == 0)
		if verb == 'E' {
			s = strings.ToUpper(s)
		}
		return s
	}
	if prec < 0 {
		prec = 6
	}
	s := formatG(x, prec, alt, false)
	if verb == 'G' {
		s = strings.ToUpper(s)
	}
	return s
}

func fixExp(s string, point bool) string {
	mant, exp, _ := strings.Cut(s, "e")
	e, _ := strconv.Atoi(exp)
	if point {
		mant += "."
	}
	return mant + "e" + pyExp(e)
}

// formatG is C's %g; addDot keeps one digit after the point, as Python's empty format code does.
func formatG(x float64, prec int, alt, addDot bool) string {
	prec = max(prec, 1)
	s := strconv.FormatFloat(x, 'e', prec-1, 64)
	mant, exp, _ := strings.Cut(s, "e")
	e, _ := strconv.Atoi(exp)
	limit := prec
	if addDot {
		limit = prec - 1
		if prec == 1 {
			limit = prec
		}
	}
	if e < -4 || e >= max(limit, 0) && !(x == 0) {
		if !alt {
			mant = trimZeros(mant)
		} else if prec == 1 {
			mant += "."
		}
		return mant + "e" + pyExp(e)
	}
	s = strconv.FormatFloat(x, 'f', max(prec-1-e, 0), 64)
	if alt {
		if !strings.Contains(s, ".") {
			s += "."
		}
		return s
	}
	s = trimZeros(s)
	if addDot && !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

func trimZeros(s string) string {
	if !strings.Contains(s, ".") {
		return s
	}
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
}
