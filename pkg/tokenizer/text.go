package tokenizer

import (
	"strings"
	"unicode/utf8"
)

// text is a piece of the input on its way through the pipeline. Where offsets
// are wanted, it knows for each of its bytes which bytes of the source it
// stands for.
type text struct {
	s     string
	base  int     // source offset of s[0] while the text is unchanged
	at    []int32 // source range [at, to) of each byte; nil while unchanged
	to    []int32
	track bool
}

// source returns the range of the source that s[i:j] stands for.
func (t *text) source(i, j int) (int, int) {
	if t.at == nil {
		return t.base + i, t.base + j
	}
	if i == j {
		switch {
		case i < len(t.at):
			return int(t.at[i]), int(t.at[i])
		case i > 0:
			return int(t.to[i-1]), int(t.to[i-1])
		}
		return t.base, t.base
	}
	lo, hi := t.at[i], t.to[i]
	for k := i + 1; k < j; k++ {
		lo, hi = min(lo, t.at[k]), max(hi, t.to[k])
	}
	return int(lo), int(hi)
}

// slice is the part [i, j) of the text.
func (t *text) slice(i, j int) text {
	out := text{s: t.s[i:j], base: t.base + i, track: t.track}
	if t.at != nil {
		out.at, out.to = t.at[i:j], t.to[i:j]
		out.base, _ = t.source(i, i)
	}
	return out
}

// edit builds a changed text from an old one.
type edit struct {
	old *text
	buf []byte
	at  []int32
	to  []int32
}

func newEdit(t *text) *edit {
	return &edit{old: t, buf: make([]byte, 0, len(t.s)+len(t.s)/4+8)}
}

// keep copies bytes [i, j) of the old text.
func (e *edit) keep(i, j int) {
	e.buf = append(e.buf, e.old.s[i:j]...)
	if e.old.track {
		for k := i; k < j; k++ {
			a, b := e.old.source(k, k+1)
			e.at, e.to = append(e.at, int32(a)), append(e.to, int32(b))
		}
	}
}

// put writes s in the place of bytes [i, j) of the old text.
func (e *edit) put(s string, i, j int) {
	e.buf = append(e.buf, s...)
	if e.old.track {
		a, b := e.old.source(i, j)
		for range len(s) {
			e.at, e.to = append(e.at, int32(a)), append(e.to, int32(b))
		}
	}
}

// done returns the new text.
func (e *edit) done() text {
	t := text{s: string(e.buf), base: e.old.base, track: e.old.track}
	if t.track {
		t.at, t.to = e.at, e.to
		if t.at == nil {
			t.at, t.to = []int32{}, []int32{}
		}
	}
	return t
}

// replacement is U+FFFD.
const replacement = "\uFFFD"

// validText replaces what is not UTF-8 by U+FFFD, one for each maximal part of
// a character, as Python's errors="replace" and Rust's from_utf8_lossy do.
func validText(t text) text {
	if utf8.ValidString(t.s) {
		return t
	}
	e := newEdit(&t)
	for i := 0; i < len(t.s); {
		n, ok := charLen(t.s[i:])
		if ok {
			e.keep(i, i+n)
		} else {
			e.put(replacement, i, i+n)
		}
		i += n
	}
	return e.done()
}

// charLen is the length of the character at the start of s, which is not
// empty, or if there is none (ok is false) of the longest start of one, at
// least 1.
func charLen(s string) (n int, ok bool) {
	if s[0] < utf8.RuneSelf {
		return 1, true
	}
	lo, hi := byte(0x80), byte(0xBF)
	switch c := s[0]; {
	case c >= 0xC2 && c <= 0xDF:
		n = 2
	case c >= 0xE0 && c <= 0xEF:
		n = 3
		switch c {
		case 0xE0:
			lo = 0xA0
		case 0xED:
			hi = 0x9F
		}
	case c >= 0xF0 && c <= 0xF4:
		n = 4
		switch c {
		case 0xF0:
			lo = 0x90
		case 0xF4:
			hi = 0x8F
		}
	default:
		return 1, false
	}
	for i := 1; i < n; i++ {
		if i >= len(s) || s[i] < lo || s[i] > hi {
			return i, false
		}
		lo, hi = 0x80, 0xBF
	}
	return n, true
}

// incomplete is the length of the start of a character at the end of b that
// more bytes could complete.
func incomplete(b []byte) int {
	for k := 1; k <= 3 && k <= len(b); k++ {
		c := b[len(b)-k]
		if c < 0x80 {
			return 0
		}
		if c >= 0xC0 {
			if n, ok := charLen(string(b[len(b)-k:])); !ok && n == k && k < leadLen(c) && c <= 0xF4 && c >= 0xC2 {
				return k
			}
			return 0
		}
	}
	return 0
}

// validString is validText for output.
func validString(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	s := string(b)
	var out strings.Builder
	for i := 0; i < len(s); {
		n, ok := charLen(s[i:])
		if ok {
			out.WriteString(s[i : i+n])
		} else {
			out.WriteString(replacement)
		}
		i += n
	}
	return out.String()
}
