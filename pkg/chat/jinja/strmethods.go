package jinja

import (
	"strings"
	"unicode/utf8"
)

type strMethod func(st *state, x *Str, a *args) (Value, error)

// strMethods are the methods of str, each returning markup when the receiver is markup.
var strMethods map[string]strMethod

func init() {
	strMethods = map[string]strMethod{
		"capitalize":   plainMethod("capitalize", capitalize),
		"casefold":     plainMethod("casefold", casefold),
		"lower":        plainMethod("lower", lower),
		"swapcase":     plainMethod("swapcase", swapcase),
		"title":        plainMethod("title", titleCase),
		"upper":        plainMethod("upper", upper),
		"strip":        stripMethod("strip", true, true),
		"lstrip":       stripMethod("lstrip", true, false),
		"rstrip":       stripMethod("rstrip", false, true),
		"center":       padMethod("center", centerPad),
		"ljust":        padMethod("ljust", func(n, _ int) (int, int) { return 0, n }),
		"rjust":        padMethod("rjust", func(n, _ int) (int, int) { return n, 0 }),
		"zfill":        zfill,
		"expandtabs":   expandtabs,
		"split":        splitMethod("split", splitN),
		"rsplit":       splitMethod("rsplit", rsplitN),
		"splitlines":   splitlinesMethod,
		"partition":    partitionMethod("partition", strings.Index, false),
		"rpartition":   partitionMethod("rpartition", strings.LastIndex, true),
		"join":         joinMethod,
		"replace":      replaceMethod,
		"removeprefix": affixMethod("removeprefix", true),
		"removesuffix": affixMethod("removesuffix", false),
		"startswith":   withMethod("startswith", strings.HasPrefix),
		"endswith":     withMethod("endswith", strings.HasSuffix),
		"count":        findMethod("count"),
		"find":         findMethod("find"),
		"index":        findMethod("index"),
		"rfind":        findMethod("rfind"),
		"rindex":       findMethod("rindex"),
		"format":       func(st *state, x *Str, a *args) (Value, error) { return formatStr(st, x, a) },
		"format_map":   formatMap,
	}
	for name, pred := range strPredicates {
		strMethods[name] = func(st *state, x *Str, a *args) (Value, error) {
			if err := st.work(len(x.s)); err != nil {
				return nil, err
			}
			return pred(x.s), a.none(name)
		}
	}
}

func plainMethod(name string, f func(*Str) *Str) strMethod {
	return func(st *state, x *Str, a *args) (Value, error) {
		if err := a.none(name); err != nil {
			return nil, err
		}
		if err := st.alloc(int64(len(x.s))); err != nil {
			return nil, err
		}
		return f(x).like(x), nil
	}
}

func stripMethod(name string, left, right bool) strMethod {
	return func(st *state, x *Str, a *args) (Value, error) {
		if err := a.posOnly(name); err != nil {
			return nil, err
		}
		p, err := a.bind(name, param{"chars", None})
		if err != nil {
			return nil, err
		}
		return strip(st, x, p[0], left, right)
	}
}

// strip removes white space, or the given characters, from either end.
func strip(st *state, x *Str, chars Value, left, right bool) (Value, error) {
	in := isSpace
	if chars != None {
		c, ok := chars.(*Str)
		if !ok {
			return nil, typeErr("strip arg must be None or str")
		}
		in = func(r rune) bool { return strings.ContainsRune(c.s, r) }
	}
	if err := st.work(len(x.s)); err != nil {
		return nil, err
	}
	lo, hi := 0, len(x.s)
	if left {
		lo = len(x.s) - len(strings.TrimLeftFunc(x.s, in))
	}
	if right && lo < hi {
		hi = lo + len(strings.TrimRightFunc(x.s[lo:], in))
	}
	return x.sub(lo, hi), nil
}

// centerPad splits n columns of padding around a string as CPython does.
func centerPad(n, width int) (left, right int) {
	left = n/2 + n&width&1
	return left, n - left
}

func padMethod(name string, split func(n, width int) (int, int)) strMethod {
	return func(st *state, x *Str, a *args) (Value, error) {
		if err := a.posOnly(name); err != nil {
			return nil, err
		}
		p, err := a.bind(name, param{"width", nil}, param{"fillchar", newStr(" ")})
		if err != nil {
			return nil, err
		}
		width, err := intArg(p[0])
		if err != nil {
			return nil, err
		}
		fill, ok := p[1].(*Str)
		if !ok || fill.runeLen() != 1 {
			return nil, typeErr("The fill character must be exactly one character long")
		}
		return pad(st, x, width, fill, split)
	}
}

func pad(st *state, x *Str, width int64, fill *Str, split func(n, width int) (int, int)) (*Str, error) {
	n := width - int64(x.runeLen())
	if n <= 0 {
		return x, nil
	}
	if err := st.alloc(n*int64(len(fill.s)) + int64(len(x.s))); err != nil {
		return nil, err
	}
	left, right := split(int(n), int(width))
	var w buf
	for range left {
		w.str(fill)
	}
	w.str(x)
	for range right {
		w.str(fill)
	}
	return w.done().like(x), nil
}

func zfill(st *state, x *Str, a *args) (Value, error) {
	v, err := a.only("zfill", "width")
	if err != nil {
		return nil, err
	}
	width, err := intArg(v)
	if err != nil {
		return nil, err
	}
	n := width - int64(x.runeLen())
	if n <= 0 {
		return x, nil
	}
	if err := st.alloc(width + int64(len(x.s))); err != nil {
		return nil, err
	}
	var w buf
	cut := 0
	if x.s != "" && (x.s[0] == '-' || x.s[0] == '+') {
		cut = 1
	}
	w.sub(x, 0, cut)
	w.raw(strings.Repeat("0", int(n)))
	w.sub(x, cut, len(x.s))
	return w.done().like(x), nil
}

func expandtabs(st *state, x *Str, a *args) (Value, error) {
	p, err := a.bind("expandtabs", param{"tabsize", int64(8)})
	if err != nil {
		return nil, err
	}
	size, err := intArg(p[0])
	if err != nil {
		return nil, err
	}
	size = max(size, 0)
	tabs := int64(strings.Count(x.s, "\t"))
	if size > 1<<30 {
		size = 1 << 30
	}
	if err := st.alloc(int64(len(x.s)) + tabs*size); err != nil {
		return nil, err
	}
	var w buf
	col := int64(0)
	x.eachRune(func(piece string, r rune, tainted bool) {
		switch r {
		case '\t':
			if size > 0 {
				n := size - col%size
				w.text(strings.Repeat(" ", int(n)), tainted)
				col += n
			}
			return
		case '\n', '\r':
			col = -1
		}
		col++
		w.text(piece, tainted)
	})
	return w.done().like(x), nil
}

func affixMethod(name string, prefix bool) strMethod {
	return func(st *state, x *Str, a *args) (Value, error) {
		v, err := a.only(name, "affix")
		if err != nil {
			return nil, err
		}
		s, ok := v.(*Str)
		if !ok {
			return nil, typeErr("%s() argument must be str, not %s", name, typeName(v))
		}
		if prefix && strings.HasPrefix(x.s, s.s) {
			return x.sub(len(s.s), len(x.s)), nil
		}
		if !prefix && s.s != "" && strings.HasSuffix(x.s, s.s) {
			return x.sub(0, len(x.s)-len(s.s)), nil
		}
		return x, nil
	}
}

func withMethod(name string, has func(s, affix string) bool) strMethod {
	return func(st *state, x *Str, a *args) (Value, error) {
		if err := a.posOnly(name); err != nil {
			return nil, err
		}
		p, err := a.bind(name, param{"prefix", nil}, param{"start", None}, param{"end", None})
		if err != nil {
			return nil, err
		}
		part, inRange, err := window(x, p[1], p[2])
		if err != nil {
			return nil, err
		}
		opts := []Value{p[0]}
		if t, ok := p[0].(*Tuple); ok {
			opts = t.items
		}
		for _, o := range opts {
			s, ok := o.(*Str)
			if !ok {
				return nil, typeErr("%s first arg must be str or a tuple of str, not %s", name, typeName(o))
			}
			if inRange && has(part.s, s.s) {
				return true, nil
			}
		}
		return false, nil
	}
}

// window is x[start:end]; ok is false when start lies behind the string, where Python finds not even "".
func window(x *Str, start, end Value) (part *Str, ok bool, err error) {
	if start == None && end == None {
		return x, true, nil
	}
	n := x.runeLen()
	lo, _, count, err := sliceBounds(start, end, None, n)
	if err != nil {
		return nil, false, err
	}
	s, _ := start.(int64)
	e, isEnd := end.(int64)
	if s < 0 {
		s = max(0, s+int64(n))
	}
	if !isEnd || e > int64(n) {
		e = int64(n)
	} else if e < 0 {
		e = max(0, e+int64(n))
	}
	from := x.offset(lo)
	return x.sub(from, x.offset(lo+count)), s <= e, nil
}

func findMethod(name string) strMethod {
	return func(st *state, x *Str, a *args) (Value, error) {
		if err := a.posOnly(name); err != nil {
			return nil, err
		}
		p, err := a.bind(name, param{"sub", nil}, param{"start", None}, param{"end", None})
		if err != nil {
			return nil, err
		}
		sub, ok := p[0].(*Str)
		if !ok {
			return nil, typeErr("must be str, not %s", typeName(p[0]))
		}
		if err := st.work(len(x.s)); err != nil {
			return nil, err
		}
		part, inRange, err := window(x, p[1], p[2])
		if err != nil {
			return nil, err
		}
		if name == "count" {
			if !inRange {
				return int64(0), nil
			}
			return int64(strings.Count(part.s, sub.s)), nil
		}
		at := -1
		if inRange && name[0] == 'r' {
			at = strings.LastIndex(part.s, sub.s)
		} else if inRange {
			at = strings.Index(part.s, sub.s)
		}
		if at < 0 {
			if strings.HasSuffix(name, "index") {
				return nil, valueErr("substring not found")
			}
			return int64(-1), nil
		}
		lo, _, _, _ := sliceBounds(p[1], p[2], None, x.runeLen())
		return int64(lo + utf8.RuneCountInString(part.s[:at])), nil
	}
}

func formatMap(st *state, x *Str, a *args) (Value, error) {
	v, err := a.only("format_map", "mapping")
	if err != nil {
		return nil, err
	}
	d, ok := v.(*Dict)
	if !ok {
		return nil, typeErr("format_map() argument must be a dict, not %s", typeName(v))
	}
	b := &args{}
	for i, k := range d.keys {
		if s, ok := k.(*Str); ok {
			b.names, b.vals = append(b.names, s), append(b.vals, d.vals[i])
		}
	}
	return formatStr(st, x, b)
}
