package jinja

import (
	"sort"
	"strings"
	"unicode/utf8"
)

// Str is an immutable Python string that remembers which of its bytes came from untrusted input.
// marks are byte offsets, ascending, at which trust flips; text before the first is trusted.
// markup is jinja2's Markup type: adding plain text to it escapes that text.
type Str struct {
	s      string
	marks  []int32
	markup bool
}

var (
	emptyStr  = &Str{}
	allMarked = []int32{0}
)

func newStr(s string) *Str { return &Str{s: s} }

// newText is s, marked as a whole when tainted.
func newText(s string, tainted bool) *Str {
	if tainted && s != "" {
		return &Str{s: s, marks: allMarked}
	}
	return &Str{s: s}
}

func (x *Str) tainted() bool { return len(x.marks) > 0 }

// runs calls f for each maximal run of equal trust in [i, j).
func (x *Str) runs(i, j int, f func(text string, tainted bool)) {
	if i >= j {
		return
	}
	if len(x.marks) == 0 {
		f(x.s[i:j], false)
		return
	}
	k := sort.Search(len(x.marks), func(k int) bool { return int(x.marks[k]) > i })
	for i < j {
		end := j
		if k < len(x.marks) && int(x.marks[k]) < j {
			end = int(x.marks[k])
		}
		f(x.s[i:end], k&1 == 1)
		i = end
		k++
	}
}

// sub is the substring of bytes [i, j), markup kept.
func (x *Str) sub(i, j int) *Str {
	if i >= j {
		return &Str{markup: x.markup}
	}
	if i == 0 && j == len(x.s) {
		return x
	}
	r := &Str{s: x.s[i:j], markup: x.markup}
	switch {
	case len(x.marks) == 0:
	case len(x.marks) == 1 && x.marks[0] == 0:
		r.marks = allMarked
	default:
		var w buf
		w.sub(x, i, j)
		r.marks = w.marks
		if n := len(r.marks); n > 0 && int(r.marks[n-1]) == len(r.s) {
			r.marks = r.marks[:n-1]
		}
	}
	return r
}

// plain drops markup.
func (x *Str) plain() *Str {
	if !x.markup {
		return x
	}
	return &Str{s: x.s, marks: x.marks}
}

func (x *Str) asMarkup() *Str {
	if x.markup {
		return x
	}
	return &Str{s: x.s, marks: x.marks, markup: true}
}

// like gives x the markup of y.
func (x *Str) like(y *Str) *Str {
	if y.markup {
		return x.asMarkup()
	}
	return x.plain()
}

func isASCII(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// runeLen is Python's len: code points, each invalid byte counting as one.
func (x *Str) runeLen() int { return utf8.RuneCountInString(x.s) }

// offset is the byte offset of code point i (0 <= i <= runeLen).
func (x *Str) offset(i int) int {
	if i <= 0 {
		return 0
	}
	if isASCII(x.s) {
		return min(i, len(x.s))
	}
	for p := range x.s {
		if i == 0 {
			return p
		}
		i--
	}
	return len(x.s)
}

// buf builds a Str from pieces.
type buf struct {
	b     strings.Builder
	marks []int32
	on    bool
}

func (w *buf) mark(tainted bool) {
	if tainted == w.on {
		return
	}
	w.on = tainted
	n := int32(w.b.Len())
	if k := len(w.marks); k > 0 && w.marks[k-1] == n {
		w.marks = w.marks[:k-1]
		return
	}
	w.marks = append(w.marks, n)
}

func (w *buf) len() int { return w.b.Len() }

func (w *buf) text(s string, tainted bool) {
	if s == "" {
		return
	}
	w.mark(tainted)
	w.b.WriteString(s)
}

// raw appends trusted text.
func (w *buf) raw(s string) { w.text(s, false) }

func (w *buf) str(x *Str) {
	if len(x.marks) == 0 {
		w.text(x.s, false)
		return
	}
	w.sub(x, 0, len(x.s))
}

func (w *buf) sub(x *Str, i, j int) { x.runs(i, j, w.text) }

// done returns what was written. The buffer may not be used afterwards.
func (w *buf) done() *Str {
	s := w.b.String()
	m := w.marks
	if n := len(m); n > 0 && int(m[n-1]) == len(s) {
		m = m[:n-1]
	}
	if len(m) == 0 {
		m = nil
	}
	return &Str{s: s, marks: m}
}

// eachRune calls f with the text of every code point and its trust. Invalid bytes come one by one.
func (x *Str) eachRune(f func(piece string, r rune, tainted bool)) {
	x.runs(0, len(x.s), func(text string, tainted bool) {
		for i := 0; i < len(text); {
			r, n := utf8.DecodeRuneInString(text[i:])
			f(text[i:i+n], r, tainted)
			i += n
		}
	})
}

// mapRunes replaces every code point. f returns the replacement text.
func (x *Str) mapRunes(f func(piece string, r rune) string) *Str {
	var w buf
	w.b.Grow(len(x.s))
	x.eachRune(func(piece string, r rune, tainted bool) { w.text(f(piece, r), tainted) })
	return w.done()
}
