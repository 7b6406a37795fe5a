package split

import (
	"fmt"
	"strings"

	"github.com/tessera-llm/tessera/pkg/tokenizer/internal/uclass"
)

// Span is a range of bytes of the text.
type Span struct{ Start, End int32 }

// Scanner returns the end of the match that starts at s[i], or i for none.
// It looks at s alone: text before i is not context.
type Scanner func(t *uclass.Table, s string, i int) int

// Finder calls f for each match in s, in order.
type Finder interface {
	Each(s string, f func(start, end int)) error
}

// Behavior says what becomes of the matches (Split and Punctuation in a
// tokenizer.json).
type Behavior string

// The behaviours: matches dropped, apart, joined with equal neighbours, or
// joined with the text before or after them.
const (
	Removed            Behavior = "Removed"
	Isolated           Behavior = "Isolated"
	Contiguous         Behavior = "Contiguous"
	MergedWithPrevious Behavior = "MergedWithPrevious"
	MergedWithNext     Behavior = "MergedWithNext"
)

// Known tells whether b is one of the five.
func (b Behavior) Known() bool {
	switch b {
	case Removed, Isolated, Contiguous, MergedWithPrevious, MergedWithNext:
		return true
	}
	return false
}

// Applier applies patterns; it holds the memory of doing so. The zero Applier
// is ready for use.
type Applier struct {
	match func(from, to int) // the method found, made once

	behavior Behavior
	invert   bool
	text     string
	base     int32
	at       int // end of the last piece
	bad      error

	out   []Span
	first int  // index in out of the first span of this call
	prev  bool // the piece before was a match
	held  bool // MergedWithNext: the last span is a match that waits for the text after it
}

// Apply splits s[in.Start:in.End] and appends the spans, which are relative to
// s. invert exchanges matches and the text between them.
func (j *Applier) Apply(f Finder, s string, in Span, b Behavior, invert bool, out []Span) ([]Span, error) {
	text := s[in.Start:in.End]
	if sf, ok := f.(scanFinder); ok && b == Isolated {
		return sf.isolate(text, in.Start, out), nil
	}
	if j.match == nil {
		j.match = j.found
	}
	j.behavior, j.invert, j.text, j.base = b, invert, text, in.Start
	j.at, j.bad, j.out, j.first, j.prev, j.held = 0, nil, out, len(out), false, false
	err := f.Each(text, j.match)
	if err == nil {
		err = j.bad
	}
	if err != nil {
		return out, err
	}
	if j.at < len(text) {
		j.add(j.at, len(text), invert)
	}
	return j.out, nil
}

// found takes a match; an empty one only cuts.
func (j *Applier) found(from, to int) {
	switch {
	case j.bad != nil:
		return
	case from < j.at || to < from || to > len(j.text):
		j.bad = fmt.Errorf("split pattern: match [%d, %d) out of order", from, to)
		return
	case to == from && j.behavior != Isolated && j.behavior != Removed:
		j.bad = fmt.Errorf("split pattern: empty match at byte %d with behaviour %s", from, j.behavior)
		return
	}
	if from > j.at {
		j.add(j.at, from, j.invert)
	}
	if to > from {
		j.add(from, to, !j.invert)
	}
	j.at = to
}

// add takes the next piece, a match or the text between two.
func (j *Applier) add(from, to int, match bool) {
	sp := Span{j.base + int32(from), j.base + int32(to)}
	last := len(j.out) - 1
	has := last >= j.first
	switch j.behavior {
	case Removed:
		if !match {
			j.out = append(j.out, sp)
		}
	case Isolated:
		j.out = append(j.out, sp)
	case Contiguous:
		if has && match == j.prev {
			j.out[last].End = sp.End
		} else {
			j.out = append(j.out, sp)
		}
	case MergedWithPrevious:
		if match && !j.prev && has {
			j.out[last].End = sp.End
		} else {
			j.out = append(j.out, sp)
		}
	case MergedWithNext:
		if j.held && !match {
			j.out[last].End = sp.End
		} else {
			j.out = append(j.out, sp)
		}
		j.held = match
	}
	j.prev = match
}

// scanFinder searches with a scanner.
type scanFinder struct {
	table *uclass.Table
	scan  Scanner
}

// Scan makes a Finder of a Scanner.
func Scan(scan Scanner) Finder { return scanFinder{uclass.Get(), scan} }

// Each implements Finder.
func (f scanFinder) Each(s string, found func(start, end int)) error {
	for i := 0; i < len(s); {
		if e := f.scan(f.table, s, i); e > i {
			found(i, e)
			i = e
			continue
		}
		_, n := uclass.Rune(s, i)
		i += n
	}
	return nil
}

// isolate is Apply for Isolated.
func (f scanFinder) isolate(s string, base int32, out []Span) []Span {
	at := 0 // start of text that nothing has matched
	for i := 0; i < len(s); {
		e := f.scan(f.table, s, i)
		if e == i {
			_, n := uclass.Rune(s, i)
			i += n
			continue
		}
		if at < i {
			out = append(out, Span{base + int32(at), base + int32(i)})
		}
		out = append(out, Span{base + int32(i), base + int32(e)})
		at, i = e, e
	}
	if at < len(s) {
		out = append(out, Span{base + int32(at), base + int32(len(s))})
	}
	return out
}

// Literal finds a string; an empty one is never found.
type Literal string

// Each implements Finder.
func (l Literal) Each(s string, found func(start, end int)) error {
	for i := 0; l != ""; {
		k := strings.Index(s[i:], string(l))
		if k < 0 {
			break
		}
		found(i+k, i+k+len(l))
		i += k + len(l)
	}
	return nil
}

// Chars finds single characters of a class.
type Chars uclass.Class

// Each implements Finder.
func (c Chars) Each(s string, found func(start, end int)) error {
	t := uclass.Get()
	for i := 0; i < len(s); {
		k, n := t.At(s, i)
		if k&uclass.Class(c) != 0 {
			found(i, i+n)
		}
		i += n
	}
	return nil
}
