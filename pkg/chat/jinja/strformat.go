package jinja

import (
	"strconv"
	"strings"
)

// formatter is one call of str.format.
type formatter struct {
	st   *state
	a    *args
	auto int // next automatic field, -1 once fields were numbered by hand
	esc  bool
}

func formatStr(st *state, x *Str, a *args) (Value, error) {
	f := &formatter{st: st, a: a, esc: x.markup}
	s, err := f.run(x.plain(), 2)
	if err != nil {
		return nil, err
	}
	return s.like(x), nil
}

func (f *formatter) run(x *Str, depth int) (*Str, error) {
	if depth < 0 {
		return nil, valueErr("Max string recursion exceeded")
	}
	if err := f.st.alloc(int64(len(x.s))); err != nil {
		return nil, err
	}
	var w buf
	for i := 0; i < len(x.s); {
		k := strings.IndexAny(x.s[i:], "{}")
		if k < 0 {
			w.sub(x, i, len(x.s))
			break
		}
		w.sub(x, i, i+k)
		i += k
		if i+1 < len(x.s) && x.s[i+1] == x.s[i] {
			w.sub(x, i, i+1)
			i += 2
			continue
		}
		if x.s[i] == '}' {
			return nil, valueErr("Single '}' encountered in format string")
		}
		end, err := fieldEnd(x.s, i+1)
		if err != nil {
			return nil, err
		}
		s, err := f.field(x.sub(i+1, end), depth)
		if err != nil {
			return nil, err
		}
		if err := f.st.alloc(int64(len(s.s))); err != nil {
			return nil, err
		}
		w.str(s)
		i = end + 1
	}
	return w.done(), nil
}

// fieldEnd finds the brace that closes a replacement field.
func fieldEnd(s string, i int) (int, error) {
	nest := 1
	for bracket := false; i < len(s); i++ {
		switch s[i] {
		case '[':
			bracket = nest == 1
		case ']':
			bracket = false
		case '{':
			if !bracket {
				nest++
			}
		case '}':
			if bracket {
				continue
			}
			if nest--; nest == 0 {
				return i, nil
			}
		}
	}
	if i > 0 && s[i-1] == '{' {
		return 0, valueErr("Single '{' encountered in format string")
	}
	return 0, valueErr("expected '}' before end of string")
}

// field formats one {name!conversion:spec}.
func (f *formatter) field(x *Str, depth int) (*Str, error) {
	name := x.s
	conv := byte(0)
	spec := emptyStr
	end := 0
	for bracket := false; end < len(x.s); end++ {
		c := x.s[end]
		if c == '[' {
			bracket = true
		} else if c == ']' {
			bracket = false
		} else if !bracket && (c == '!' || c == ':') {
			break
		} else if c == '{' {
			return nil, valueErr("unexpected '{' in field name")
		}
	}
	name = x.s[:end]
	rest := x.sub(end, len(x.s))
	if strings.HasPrefix(rest.s, "!") {
		if len(rest.s) < 2 {
			return nil, valueErr("end of string while looking for conversion specifier")
		}
		conv = rest.s[1]
		rest = rest.sub(2, len(rest.s))
		if rest.s != "" && rest.s[0] != ':' {
			return nil, valueErr("expected ':' after conversion specifier")
		}
	}
	if rest.s != "" {
		spec = rest.sub(1, len(rest.s))
	}
	v, err := f.lookup(name)
	if err != nil {
		return nil, err
	}
	switch conv {
	case 0:
	case 's':
		v, err = f.st.str(v)
	case 'r', 'a':
		var w buf
		err = f.st.repr(&w, v)
		s := w.done()
		if conv == 'a' {
			s = asciiOnly(s)
		}
		v = s
	default:
		return nil, valueErr("Unknown conversion specifier %c", conv)
	}
	if err != nil {
		return nil, err
	}
	if spec, err = f.run(spec, depth-1); err != nil {
		return nil, err
	}
	if !f.esc {
		return formatValue(f.st, v, spec)
	}
	if m, ok := v.(*Str); ok && m.markup {
		if spec.s != "" {
			return nil, valueErr("Unsupported format specification for Markup.")
		}
		return m.plain(), nil
	}
	s, err := formatValue(f.st, v, spec)
	if err != nil {
		return nil, err
	}
	return escapeHTML(s).plain(), nil
}

func asciiOnly(x *Str) *Str {
	return x.mapRunes(func(piece string, r rune) string {
		if r < 0x80 {
			return piece
		}
		return asciiEscape(r)
	})
}

// lookup resolves a field name: an argument, then .attributes and [items].
func (f *formatter) lookup(name string) (Value, error) {
	k := strings.IndexAny(name, ".[")
	if k < 0 {
		k = len(name)
	}
	first, rest := name[:k], name[k:]
	v, err := f.arg(first)
	if err != nil {
		return nil, err
	}
	for rest != "" {
		if rest[0] == '.' {
			k := strings.IndexAny(rest[1:], ".[") + 1
			if k == 0 {
				k = len(rest)
			}
			if k == 1 {
				return nil, valueErr("Empty attribute in format string")
			}
			if v, err = getAttr(f.st, v, newStr(rest[1:k])); err != nil {
				return nil, err
			}
			rest = rest[k:]
			continue
		}
		if rest[0] != '[' {
			return nil, valueErr("Only '.' or '[' may follow ']' in format field specifier")
		}
		k := strings.IndexByte(rest, ']')
		if k < 0 {
			return nil, valueErr("Missing ']' in format string")
		}
		if k == 1 {
			return nil, valueErr("Empty attribute in format string")
		}
		var key Value = newStr(rest[1:k])
		if i, err := strconv.ParseInt(rest[1:k], 10, 64); err == nil && isDigit(rest[1]) {
			key = i
		}
		if v, err = getItem(f.st, v, key); err != nil {
			return nil, err
		}
		rest = rest[k+1:]
	}
	return v, nil
}

func (f *formatter) arg(name string) (Value, error) {
	i, err := strconv.ParseInt(name, 10, 32)
	isNum := err == nil && isDigit(name[0])
	switch {
	case name == "":
		if f.auto < 0 {
			return nil, valueErr("cannot switch from manual field specification to automatic field numbering")
		}
		i = int64(f.auto)
		f.auto++
	case isNum:
		if f.auto > 0 {
			return nil, valueErr("cannot switch from manual field specification to automatic field numbering")
		}
		f.auto = -1
	default:
		if v := f.a.kw(name); v != nil {
			return v, nil
		}
		return nil, errf(KindKey, "%s", pyQuote(name))
	}
	if i >= int64(len(f.a.pos)) {
		return nil, errf(KindIndex, "Replacement index %d out of range for positional args tuple", i)
	}
	return f.a.pos[i], nil
}
