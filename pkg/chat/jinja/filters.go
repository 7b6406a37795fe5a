package jinja

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// filterFunc applies a filter to v.
type filterFunc func(st *state, v Value, a *args) (Value, error)

// refusedFilters exist in jinja2 but not here: random is not reproducible, the others format for people or the web.
var refusedFilters = []string{"random", "pprint", "urlize", "wordwrap"}

// filters is the table of filters; it is filled in init because map and its kin refer to it.
var filters map[string]filterFunc

func init() {
	filters = map[string]filterFunc{
		"abs":            filterAbs,
		"attr":           filterAttr,
		"batch":          filterBatch,
		"capitalize":     textFilter("capitalize", capitalize),
		"center":         filterCenter,
		"count":          filterLength,
		"d":              filterDefault,
		"default":        filterDefault,
		"dictsort":       filterDictsort,
		"e":              filterEscape,
		"escape":         filterEscape,
		"filesizeformat": filterFilesize,
		"first":          filterFirst,
		"float":          filterFloat,
		"forceescape":    filterForceEscape,
		"format":         filterFormat,
		"groupby":        filterGroupby,
		"indent":         filterIndent,
		"int":            filterInt,
		"items":          filterItems,
		"join":           filterJoin,
		"last":           filterLast,
		"length":         filterLength,
		"list":           filterList,
		"lower":          textFilter("lower", lower),
		"map":            filterMap,
		"max":            minMax("max", ">"),
		"min":            minMax("min", "<"),
		"reject":         selector(false, false),
		"rejectattr":     selector(false, true),
		"replace":        filterReplace,
		"reverse":        filterReverse,
		"round":          filterRound,
		"safe":           filterSafe,
		"select":         selector(true, false),
		"selectattr":     selector(true, true),
		"slice":          filterSlice,
		"sort":           filterSort,
		"string":         filterString,
		"striptags":      filterStriptags,
		"sum":            filterSum,
		"title":          textFilter("title", titleWords),
		"tojson":         filterToJSON,
		"trim":           filterTrim,
		"truncate":       filterTruncate,
		"unique":         filterUnique,
		"upper":          textFilter("upper", upper),
		"urlencode":      filterURLEncode,
		"wordcount":      filterWordcount,
		"xmlattr":        filterXMLAttr,
	}
}

// textFilter makes a filter of a function of strings.
func textFilter(name string, f func(*Str) *Str) filterFunc {
	return func(st *state, v Value, a *args) (Value, error) {
		if err := a.none(name); err != nil {
			return nil, err
		}
		s, err := st.softStr(v)
		if err != nil {
			return nil, err
		}
		if err := st.alloc(int64(len(s.s))); err != nil {
			return nil, err
		}
		return f(s).like(s), nil
	}
}

func startsWord(r rune) bool { return isSpace(r) || strings.ContainsRune("-({[<", r) }

// titleWords is the filter title: words start after white space, hyphens and opening brackets.
func titleWords(x *Str) *Str {
	prevSep := true
	pos := 0
	return x.mapRunes(func(piece string, r rune) string {
		at := pos
		pos += len(piece)
		sep := startsWord(r)
		start := prevSep != sep || at == 0
		prevSep = sep
		switch {
		case sep:
			return piece
		case start:
			return upperRune(piece, r)
		case r == 'Σ':
			end := strings.IndexFunc(x.s[at:], startsWord)
			if end < 0 {
				end = len(x.s) - at
			}
			begin := strings.LastIndexFunc(x.s[:at], startsWord) + 1
			_, n := utf8.DecodeRuneInString(x.s[begin:])
			if finalSigma(x.s[begin+n:at+end], at-begin-n) {
				return "ς"
			}
		}
		return lowerRune(piece, r)
	})
}

func filterString(st *state, v Value, a *args) (Value, error) {
	s, err := st.softStr(v)
	if err != nil {
		return nil, err
	}
	return s, a.none("string")
}

func filterLength(st *state, v Value, a *args) (Value, error) {
	if err := a.none("length"); err != nil {
		return nil, err
	}
	n, err := length(st, v)
	return int64(n), err
}

func filterDefault(st *state, v Value, a *args) (Value, error) {
	p, err := a.bind("default", param{"default_value", emptyStr}, param{"boolean", false})
	if err != nil {
		return nil, err
	}
	if _, ok := v.(*Undefined); ok {
		return p[0], nil
	}
	useFalse, err := truth(st, p[1])
	if err != nil || !useFalse {
		return v, err
	}
	t, err := truth(st, v)
	if t {
		return v, err
	}
	return p[0], err
}

func filterEscape(st *state, v Value, a *args) (Value, error) {
	s, err := st.softStr(v)
	if err != nil {
		return nil, err
	}
	if err := st.alloc(5 * int64(len(s.s))); err != nil {
		return nil, err
	}
	return escapeHTML(s), a.none("escape")
}

func filterForceEscape(st *state, v Value, a *args) (Value, error) {
	s, err := st.str(v)
	if err != nil {
		return nil, err
	}
	if err := st.alloc(5 * int64(len(s.s))); err != nil {
		return nil, err
	}
	return escapeHTML(s), a.none("forceescape")
}

func filterSafe(st *state, v Value, a *args) (Value, error) {
	s, err := st.softStr(v)
	if err != nil {
		return nil, err
	}
	return s.asMarkup(), a.none("safe")
}

func filterStriptags(st *state, v Value, a *args) (Value, error) {
	s, err := st.str(v)
	if err != nil {
		return nil, err
	}
	if err := st.alloc(2 * int64(len(s.s))); err != nil {
		return nil, err
	}
	return stripTags(s), a.none("striptags")
}

func filterTrim(st *state, v Value, a *args) (Value, error) {
	p, err := a.bind("trim", param{"chars", None})
	if err != nil {
		return nil, err
	}
	s, err := st.softStr(v)
	if err != nil {
		return nil, err
	}
	return strip(st, s, p[0], true, true)
}

func filterCenter(st *state, v Value, a *args) (Value, error) {
	p, err := a.bind("center", param{"width", int64(80)})
	if err != nil {
		return nil, err
	}
	width, err := intArg(p[0])
	if err != nil {
		return nil, err
	}
	s, err := st.softStr(v)
	if err != nil {
		return nil, err
	}
	return pad(st, s, width, newStr(" "), centerPad)
}

func filterReplace(st *state, v Value, a *args) (Value, error) {
	p, err := a.bind("replace", param{"old", nil}, param{"new", nil}, param{"count", None})
	if err != nil {
		return nil, err
	}
	var s [3]*Str
	for i, x := range []Value{v, p[0], p[1]} {
		if s[i], err = st.str(x); err != nil {
			return nil, err
		}
	}
	n := int64(-1)
	if p[2] != None {
		if n, err = intArg(p[2]); err != nil {
			return nil, err
		}
	}
	return replaceStr(st, s[0], s[1], s[2], n)
}

func filterFormat(st *state, v Value, a *args) (Value, error) {
	if len(a.pos) > 0 && len(a.names) > 0 {
		return nil, errf(KindFilterArg, "can't handle positional and keyword arguments at the same time")
	}
	s, err := st.softStr(v)
	if err != nil {
		return nil, err
	}
	if len(a.names) == 0 {
		return percent(st, s, &Tuple{items: a.pos})
	}
	d := &Dict{}
	for i, n := range a.names {
		d.put(n.s, n, a.vals[i])
	}
	return percent(st, s, d)
}

func filterIndent(st *state, v Value, a *args) (Value, error) {
	p, err := a.bind("indent", param{"width", int64(4)}, param{"first", false}, param{"blank", false})
	if err != nil {
		return nil, err
	}
	by, ok := p[0].(*Str)
	if !ok {
		n, err := intArg(p[0])
		if err != nil {
			return nil, err
		}
		if err := st.alloc(max(n, 0)); err != nil {
			return nil, err
		}
		by = newStr(strings.Repeat(" ", int(max(n, 0))))
	}
	first, err := truth(st, p[1])
	if err != nil {
		return nil, err
	}
	blank, err := truth(st, p[2])
	if err != nil {
		return nil, err
	}
	s, ok := v.(*Str)
	if !ok {
		if _, isList := v.(*List); isList { // Python extends the list and fails at the next step
			return nil, errf(KindAttribute, "'list' object has no attribute 'splitlines'")
		}
		_, err := binary(st, "+", v, newStr("\n"))
		return nil, err
	}
	if s.markup {
		by = by.asMarkup()
	}
	// A final line break ends the last line; text without one gets it.
	var nl buf
	nl.str(s)
	nl.raw("\n")
	lines := splitLines(nl.done(), false)
	if err := st.alloc(int64(len(s.s)) + int64(len(lines))*int64(len(by.s)+1)); err != nil {
		return nil, err
	}
	var w buf
	for i, l := range lines {
		if i > 0 {
			w.raw("\n")
		}
		if i == 0 && first || i > 0 && (blank || l.s != "") {
			w.str(by)
		}
		w.str(l)
	}
	return w.done().like(s), nil
}

func filterTruncate(st *state, v Value, a *args) (Value, error) {
	p, err := a.bind("truncate", param{"length", int64(255)}, param{"killwords", false}, param{"end", newStr("...")}, param{"leeway", None})
	if err != nil {
		return nil, err
	}
	n, err := intArg(p[0])
	if err != nil {
		return nil, err
	}
	end, err := strArg(p[2])
	if err != nil {
		return nil, err
	}
	leeway := int64(5)
	if p[3] != None {
		if leeway, err = intArg(p[3]); err != nil {
			return nil, err
		}
	}
	if n < int64(end.runeLen()) {
		return nil, errf(KindAssert, "expected length >= %d, got %d", end.runeLen(), n)
	}
	if leeway < 0 {
		return nil, errf(KindAssert, "expected leeway >= 0, got %d", leeway)
	}
	size, err := length(st, v)
	if err != nil || int64(size) <= n+leeway {
		return v, err
	}
	s, ok := v.(*Str)
	if !ok {
		return nil, typeErr("truncate: expected str, got %s", typeName(v))
	}
	cut := s.sub(0, s.offset(int(n)-end.runeLen()))
	kill, err := truth(st, p[1])
	if err != nil {
		return nil, err
	}
	if !kill {
		if k := strings.LastIndexByte(cut.s, ' '); k >= 0 {
			cut = cut.sub(0, k)
		}
	}
	return concat(st, cut, end)
}

func filterWordcount(st *state, v Value, a *args) (Value, error) {
	s, err := st.softStr(v)
	if err != nil {
		return nil, err
	}
	n, in := int64(0), false
	for _, r := range s.s {
		word := r == '_' || unicode.IsLetter(r) || isNumeric(r)
		if word && !in {
			n++
		}
		in = word
	}
	return n, a.none("wordcount")
}

func filterURLEncode(st *state, v Value, a *args) (Value, error) {
	if err := a.none("urlencode"); err != nil {
		return nil, err
	}
	quote := func(v Value, query bool) (*Str, error) {
		s, err := st.str(v)
		if err != nil {
			return nil, err
		}
		if query {
			return urlQuote(s, "", true), st.alloc(3 * int64(len(s.s)))
		}
		return urlQuote(s, "/", false), st.alloc(3 * int64(len(s.s)))
	}
	if d, ok := v.(*Dict); ok {
		v = &dictView{d, viewItems}
	}
	it, err := iterate(v)
	if _, ok := v.(*Str); ok || err != nil {
		return quote(v, false)
	}
	var w buf
	for i := 0; ; i++ {
		x, ok, err := it.next(st)
		if err != nil || !ok {
			return w.done(), err
		}
		kv, err := collect(st, x)
		if err != nil {
			return nil, err
		}
		if len(kv) != 2 {
			return nil, valueErr("urlencode: expected pairs, got %d items", len(kv))
		}
		if i > 0 {
			w.raw("&")
		}
		for j, x := range kv {
			s, err := quote(x, true)
			if err != nil {
				return nil, err
			}
			if j == 1 {
				w.raw("=")
			}
			w.str(s)
		}
	}
}

func filterXMLAttr(st *state, v Value, a *args) (Value, error) {
	p, err := a.bind("xmlattr", param{"autospace", true})
	if err != nil {
		return nil, err
	}
	space, err := truth(st, p[0])
	if err != nil {
		return nil, err
	}
	d, ok := v.(*Dict)
	if !ok {
		if u, ok := v.(*Undefined); ok {
			return nil, u.err()
		}
		return nil, errf(KindAttribute, "'%s' object has no attribute 'items'", typeName(v))
	}
	var w buf
	for i, k := range d.keys {
		val := d.vals[i]
		if _, undef := val.(*Undefined); undef || val == None {
			continue
		}
		key, ok := k.(*Str)
		if !ok {
			return nil, typeErr("expected string or bytes-like object, got '%s'", typeName(k))
		}
		if strings.ContainsAny(key.s, " \t\n\r\f\v/>=") {
			return nil, valueErr("Invalid character in attribute name: %s", pyQuote(key.s))
		}
		s, err := st.softStr(val)
		if err != nil {
			return nil, err
		}
		if err := st.alloc(5 * int64(len(s.s)+len(key.s))); err != nil {
			return nil, err
		}
		if space || w.len() > 0 {
			w.raw(" ")
		}
		w.str(escapeHTML(key))
		w.raw(`="`)
		w.str(escapeHTML(s))
		w.raw(`"`)
	}
	return w.done(), nil
}
