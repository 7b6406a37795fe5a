package jinja

import (
	"strings"
	"unicode/utf8"
)

func strList(st *state, parts []*Str) (*List, error) {
	if err := st.allocItems(4 * len(parts)); err != nil {
		return nil, err
	}
	out := make([]Value, len(parts))
	for i, p := range parts {
		out[i] = p
	}
	return &List{items: out}, nil
}

func splitMethod(name string, split func(x *Str, sep string, n int64) []*Str) strMethod {
	return func(st *state, x *Str, a *args) (Value, error) {
		p, err := a.bind(name, param{"sep", None}, param{"maxsplit", int64(-1)})
		if err != nil {
			return nil, err
		}
		n, err := intArg(p[1])
		if err != nil {
			return nil, err
		}
		if err := st.alloc(2 * int64(len(x.s))); err != nil {
			return nil, err
		}
		if p[0] == None {
			return strList(st, splitSpace(x, n, name == "rsplit"))
		}
		sep, ok := p[0].(*Str)
		if !ok {
			return nil, typeErr("must be str or None, not %s", typeName(p[0]))
		}
		if sep.s == "" {
			return nil, valueErr("empty separator")
		}
		return strList(st, split(x, sep.s, n))
	}
}

func splitN(x *Str, sep string, n int64) []*Str {
	var out []*Str
	pos := 0
	for ; n != 0; n-- {
		k := strings.Index(x.s[pos:], sep)
		if k < 0 {
			break
		}
		out = append(out, x.sub(pos, pos+k))
		pos += k + len(sep)
	}
	return append(out, x.sub(pos, len(x.s)))
}

func rsplitN(x *Str, sep string, n int64) []*Str {
	var out []*Str
	end := len(x.s)
	for ; n != 0; n-- {
		k := strings.LastIndex(x.s[:end], sep)
		if k < 0 {
			break
		}
		out = append(out, x.sub(k+len(sep), end))
		end = k
	}
	out = append(out, x.sub(0, end))
	reverse(out)
	return out
}

func reverse(list []*Str) {
	for i, j := 0, len(list)-1; i < j; i, j = i+1, j-1 {
		list[i], list[j] = list[j], list[i]
	}
}

// splitSpace splits at runs of white space, at most n times when n >= 0, from the left or the right.
func splitSpace(x *Str, n int64, right bool) []*Str {
	var out []*Str
	lo, hi := 0, len(x.s)
	for {
		if right {
			hi = len(strings.TrimRightFunc(x.s[:hi], isSpace))
		} else {
			lo = len(x.s) - len(strings.TrimLeftFunc(x.s[lo:], isSpace))
		}
		if lo >= hi {
			break
		}
		var k int
		if right {
			k = strings.LastIndexFunc(x.s[:hi], isSpace)
		} else {
			k = strings.IndexFunc(x.s[lo:], isSpace)
		}
		if n == 0 || k < 0 { // the rest keeps the space at its far end
			out = append(out, x.sub(lo, hi))
			break
		}
		n--
		if right {
			_, w := utf8.DecodeRuneInString(x.s[k:])
			out = append(out, x.sub(k+w, hi))
			hi = k
		} else {
			out = append(out, x.sub(lo, lo+k))
			lo += k
		}
	}
	if right {
		reverse(out)
	}
	return out
}

func isLineEnd(r rune) bool {
	switch r {
	case '\n', '\r', '\v', '\f', 0x1c, 0x1d, 0x1e, 0x85, 0x2028, 0x2029:
		return true
	}
	return false
}

func splitLines(x *Str, keep bool) []*Str {
	var out []*Str
	pos := 0
	for pos < len(x.s) {
		k := strings.IndexFunc(x.s[pos:], isLineEnd)
		if k < 0 {
			return append(out, x.sub(pos, len(x.s)))
		}
		end := pos + k
		_, w := utf8.DecodeRuneInString(x.s[end:])
		next := end + w
		if strings.HasPrefix(x.s[end:], "\r\n") {
			next++
		}
		if keep {
			end = next
		}
		out = append(out, x.sub(pos, end))
		pos = next
	}
	return out
}

func splitlinesMethod(st *state, x *Str, a *args) (Value, error) {
	p, err := a.bind("splitlines", param{"keepends", false})
	if err != nil {
		return nil, err
	}
	keep, err := truth(st, p[0])
	if err != nil {
		return nil, err
	}
	return strList(st, splitLines(x, keep))
}

func partitionMethod(name string, find func(s, sep string) int, last bool) strMethod {
	return func(st *state, x *Str, a *args) (Value, error) {
		v, err := a.only(name, "sep")
		if err != nil {
			return nil, err
		}
		sep, ok := v.(*Str)
		if !ok {
			return nil, typeErr("must be str, not %s", typeName(v))
		}
		if sep.s == "" {
			return nil, valueErr("empty separator")
		}
		if err := st.work(len(x.s)); err != nil {
			return nil, err
		}
		none := emptyStr.like(x)
		k := find(x.s, sep.s)
		switch {
		case k < 0 && last:
			return &Tuple{items: []Value{none, none, x}}, nil
		case k < 0:
			return &Tuple{items: []Value{x, none, none}}, nil
		}
		return &Tuple{items: []Value{x.sub(0, k), x.sub(k, k+len(sep.s)), x.sub(k+len(sep.s), len(x.s))}}, nil
	}
}

func joinMethod(st *state, x *Str, a *args) (Value, error) {
	v, err := a.only("join", "iterable")
	if err != nil {
		return nil, err
	}
	it, err := iterate(v)
	if err != nil {
		return nil, typeErr("can only join an iterable")
	}
	var w buf
	for i := 0; ; i++ {
		v, ok, err := it.next(st)
		if err != nil {
			return nil, err
		}
		if !ok {
			return w.done().like(x), nil
		}
		if x.markup {
			s, err := st.softStr(v)
			if err != nil {
				return nil, err
			}
			v = escapeHTML(s)
		}
		s, ok := v.(*Str)
		if !ok {
			return nil, typeErr("sequence item %d: expected str instance, %s found", i, typeName(v))
		}
		if err := st.alloc(int64(len(s.s) + len(x.s))); err != nil {
			return nil, err
		}
		if i > 0 {
			w.str(x)
		}
		w.str(s)
	}
}

func replaceMethod(st *state, x *Str, a *args) (Value, error) {
	if err := a.posOnly("replace"); err != nil {
		return nil, err
	}
	p, err := a.bind("replace", param{"old", nil}, param{"new", nil}, param{"count", int64(-1)})
	if err != nil {
		return nil, err
	}
	old, ok := p[0].(*Str)
	if !ok {
		return nil, typeErr("replace() argument 1 must be str, not %s", typeName(p[0]))
	}
	to, ok := p[1].(*Str)
	if !ok && !x.markup {
		return nil, typeErr("replace() argument 2 must be str, not %s", typeName(p[1]))
	}
	if x.markup {
		if to, err = st.softStr(p[1]); err != nil {
			return nil, err
		}
		to = escapeHTML(to)
	}
	n, err := intArg(p[2])
	if err != nil {
		return nil, err
	}
	return replaceStr(st, x, old, to, n)
}

// replaceStr replaces up to n occurrences, all when n < 0. An empty old stands between any two characters.
func replaceStr(st *state, x, old, to *Str, n int64) (*Str, error) {
	hits := int64(strings.Count(x.s, old.s))
	if n >= 0 {
		hits = min(hits, n)
	}
	if hits == 0 {
		return x, st.work(len(x.s))
	}
	if err := st.alloc(int64(len(x.s)) + hits*int64(len(to.s))); err != nil {
		return nil, err
	}
	var w buf
	pos := 0
	for i := range hits {
		k := 0
		if old.s != "" {
			k = strings.Index(x.s[pos:], old.s)
		} else if i > 0 {
			_, k = utf8.DecodeRuneInString(x.s[pos:])
		}
		w.sub(x, pos, pos+k)
		w.str(to)
		pos += k + len(old.s)
	}
	w.sub(x, pos, len(x.s))
	return w.done().like(x), nil
}
