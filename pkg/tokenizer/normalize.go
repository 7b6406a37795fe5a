package tokenizer

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/text/unicode/norm"

	"github.com/tessera-llm/tessera/pkg/tokenizer/internal/split"
	"github.com/tessera-llm/tessera/pkg/tokenizer/internal/uclass"
)

// The normalisers.
const (
	opNFC          = "nfc"
	opNFD          = "nfd"
	opNFKC         = "nfkc"
	opNFKD         = "nfkd"
	opLower        = "lowercase"
	opReplace      = "replace"
	opPrepend      = "prepend"
	opStrip        = "strip"
	opStripAccents = "strip-accents"
	opMapBytes     = "map-bytes"
)

// normalizer changes a text.
type normalizer func(text) (text, error)

// newNormalizer builds one step.
func newNormalizer(s step) (normalizer, error) {
	form := func(f norm.Form) normalizer {
		return func(t text) (text, error) { return normalForm(f, t), nil }
	}
	switch s.Op {
	case opNFC:
		return form(norm.NFC), nil
	case opNFD:
		return form(norm.NFD), nil
	case opNFKC:
		return form(norm.NFKC), nil
	case opNFKD:
		return form(norm.NFKD), nil
	case opLower:
		return func(t text) (text, error) { return lowercase(t), nil }, nil
	case opReplace:
		f, err := newFinder(s)
		if err != nil {
			return nil, err
		}
		return func(t text) (text, error) { return replaceAll(t, f, s.Text) }, nil
	case opPrepend:
		return func(t text) (text, error) { return prepend(t, s.Text), nil }, nil
	case opStrip:
		return func(t text) (text, error) { return strip(t, s.Left, s.Right), nil }, nil
	case opStripAccents:
		return func(t text) (text, error) { return stripAccents(t), nil }, nil
	case opMapBytes:
		return func(t text) (text, error) { return mapBytes(t), nil }, nil
	}
	return nil, fmt.Errorf("normalizer %q: unknown", s.Op)
}

// newFinder compiles the pattern of a step.
func newFinder(s step) (split.Finder, error) {
	if s.Pattern == "" {
		return nil, fmt.Errorf("empty pattern")
	}
	if s.Literal {
		return split.Literal(s.Pattern), nil
	}
	if scan, ok := split.Named(s.Pattern); ok {
		return split.Scan(scan), nil
	}
	return split.Regexp(s.Pattern)
}

// normalForm brings a text into a Unicode normal form. Characters whose
// combining properties the tokenizers package does not know yet are left as
// they are and separate what is around them.
func normalForm(f norm.Form, t text) text {
	if f.IsNormalString(t.s) {
		return t
	}
	e := newEdit(&t)
	tab := uclass.Get()
	start := 0
	for i := 0; i < len(t.s); {
		k, n := tab.At(t.s, i)
		if k&uclass.NormLater != 0 {
			normalPart(f, e, start, i)
			e.keep(i, i+n)
			start = i + n
		}
		i += n
	}
	normalPart(f, e, start, len(t.s))
	return e.done()
}

func normalPart(f norm.Form, e *edit, from, to int) {
	if from == to {
		return
	}
	s := e.old.s[from:to]
	if !e.old.track {
		e.buf = append(e.buf, f.String(s)...) // AppendString would join it with what is before
		return
	}
	var it norm.Iter
	it.InitString(f, s)
	for !it.Done() {
		i := it.Pos()
		out := string(it.Next())
		if j := it.Pos(); out == s[i:j] {
			e.keep(from+i, from+j)
		} else {
			e.put(out, from+i, from+j)
		}
	}
}

func lowercase(t text) text {
	changed := func(r rune) bool { return r == 0x130 || uclass.Lower(r) != r }
	if strings.IndexFunc(t.s, changed) < 0 {
		return t
	}
	e := newEdit(&t)
	for i, r := range t.s {
		_, n := uclass.Rune(t.s, i)
		switch l := uclass.Lower(r); {
		case r == 0x130:
			e.put("i\u0307", i, i+n)
		case l == r:
			e.keep(i, i+n)
		default:
			e.put(string(l), i, i+n)
		}
	}
	return e.done()
}

func replaceAll(t text, f split.Finder, with string) (text, error) {
	var e *edit
	at := 0
	err := f.Each(t.s, func(from, to int) {
		if e == nil {
			e = newEdit(&t)
		}
		if len(e.buf) > grownTooMuch(len(t.s)) {
			return
		}
		e.keep(at, from)
		e.put(with, from, to)
		at = to
	})
	if err != nil || e == nil {
		return t, err
	}
	if len(e.buf) > grownTooMuch(len(t.s)) {
		return t, errGrown
	}
	e.keep(at, len(t.s))
	return e.done(), nil
}

// grownTooMuch bounds what normalisers may make of n bytes of text: more is
// the work of a hostile file.
func grownTooMuch(n int) int { return 64*n + 4096 }

var errGrown = errors.New("normalised text is more than 64 times as long as the text")

func prepend(t text, s string) text {
	if t.s == "" || s == "" {
		return t
	}
	e := newEdit(&t)
	e.put(s, 0, 0)
	e.keep(0, len(t.s))
	return e.done()
}

func strip(t text, left, right bool) text {
	tab := uclass.Get()
	space := func(r rune) bool { return tab.Of(r)&uclass.Space != 0 }
	i, j := 0, len(t.s)
	if left {
		i = len(t.s) - len(strings.TrimLeftFunc(t.s, space))
	}
	if right {
		j = max(i, len(strings.TrimRightFunc(t.s, space)))
	}
	return t.slice(i, j)
}

func stripAccents(t text) text {
	tab := uclass.Get()
	accent := func(r rune) bool { return tab.Of(r)&uclass.Accent != 0 }
	if strings.IndexFunc(t.s, accent) < 0 {
		return t
	}
	e := newEdit(&t)
	for i, r := range t.s {
		if !accent(r) {
			_, n := uclass.Rune(t.s, i)
			e.keep(i, i+n)
		}
	}
	return e.done()
}

// mapBytes spells each byte as a character.
func mapBytes(t text) text {
	e := newEdit(&t)
	for i := 0; i < len(t.s); i++ {
		e.put(string(byteRune[t.s[i]]), i, i+1)
	}
	return e.done()
}
