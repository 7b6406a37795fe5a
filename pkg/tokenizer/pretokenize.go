package tokenizer

import (
	"fmt"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/tessera-llm/tessera/pkg/tokenizer/internal/split"
	"github.com/tessera-llm/tessera/pkg/tokenizer/internal/uclass"
)

// The pre-tokenizers.
const (
	opSplit       = "split"       // Pattern, Behavior, Invert
	opScan        = "scan"        // Pattern names a scanner of this package
	opByteLevel   = "byte-level"  // Prefix, Split
	opDigits      = "digits"      // Split: one by one
	opPunctuation = "punctuation" // Behavior
	opMetaspace   = "metaspace"   // Text, Prefix, Split
	opWords       = "words"       // \w+|[^\w\s]+
	opBlanks      = "blanks"      // cut at white space
	prefixFirst   = "first"
	prefixAlways  = "always"
)

// words is a text that is being cut. Parts of the text that no word covers are
// dropped.
type words struct {
	t     text
	spans []split.Span
	spare []split.Span
	first bool // the text starts where the input starts
	bytes bool // the words are spelt byte by byte from here on
	apply *split.Applier
}

// splitter is one step of pre-tokenisation.
type splitter func(*words) error

func newSplitter(s step, afterBytes bool) (splitter, error) {
	cutAt := func(f split.Finder, b split.Behavior, invert bool) splitter {
		return func(w *words) error { return w.cut(f, b, invert) }
	}
	switch s.Op {
	case opSplit:
		if !s.Behavior.Known() {
			return nil, fmt.Errorf("split: behaviour %q: unknown", s.Behavior)
		}
		f, err := newFinder(s)
		if err != nil {
			return nil, err
		}
		if afterBytes && !asciiPattern(s) {
			f = mappedFinder{f}
		}
		return cutAt(f, s.Behavior, s.Invert), nil
	case opScan:
		scan, ok := scanners[s.Pattern]
		if !ok {
			return nil, fmt.Errorf("scanner %q: unknown", s.Pattern)
		}
		return cutAt(split.Scan(scan), split.Isolated, false), nil
	case opDigits:
		b := split.Contiguous
		if s.Split {
			b = split.Isolated
		}
		return cutAt(chars(uclass.Numeric, afterBytes), b, false), nil
	case opPunctuation:
		if !s.Behavior.Known() {
			return nil, fmt.Errorf("punctuation: behaviour %q: unknown", s.Behavior)
		}
		return cutAt(chars(uclass.Punct, afterBytes), s.Behavior, false), nil
	case opBlanks:
		return cutAt(chars(uclass.Space, afterBytes), split.Removed, false), nil
	case opWords:
		if afterBytes {
			return cutAt(mappedFinder{wordFinder{}}, split.Removed, true), nil
		}
		return cutAt(wordFinder{}, split.Removed, true), nil
	case opByteLevel:
		if afterBytes {
			return nil, fmt.Errorf("byte-level pre-tokenizer twice")
		}
		return func(w *words) error { return w.byteLevel(s.Prefix == prefixAlways, s.Split) }, nil
	case opMetaspace:
		if afterBytes {
			return nil, fmt.Errorf("metaspace after a byte-level pre-tokenizer is not supported")
		}
		if utf8.RuneCountInString(s.Text) != 1 {
			return nil, fmt.Errorf("metaspace: replacement %q is not one character", s.Text)
		}
		return func(w *words) error { return w.metaspace(s) }, nil
	}
	return nil, fmt.Errorf("pre-tokenizer %q: unknown", s.Op)
}

// asciiPattern tells whether a pattern finds the same in bytes as in their
// spelling.
func asciiPattern(s step) bool { return s.Pattern == `[0-9][0-9][0-9]` }

// cut applies a pattern to every word.
func (w *words) cut(f split.Finder, b split.Behavior, invert bool) error {
	out := w.spare[:0]
	var err error
	for _, sp := range w.spans {
		if out, err = w.apply.Apply(f, w.t.s, sp, b, invert, out); err != nil {
			return err
		}
	}
	w.spans, w.spare = out, w.spans
	return nil
}

var gpt2Finder = sync.OnceValue(func() split.Finder { return split.Scan(split.GPT2) })

func (w *words) byteLevel(prefix, regex bool) error {
	if prefix {
		w.rewrite(func(e *edit, sp split.Span) {
			if w.t.s[sp.Start] != ' ' {
				e.put(" ", int(sp.Start), int(sp.Start))
			}
			e.keep(int(sp.Start), int(sp.End))
		})
	}
	w.bytes = true
	if regex {
		return w.cut(gpt2Finder(), split.Isolated, false)
	}
	return nil
}

// metaspace writes s.Text for blanks, and before words as s.Prefix says.
func (w *words) metaspace(s step) error {
	first := w.first
	w.rewrite(func(e *edit, sp split.Span) {
		in := w.t.s[sp.Start:sp.End]
		starts := in[0] == ' ' || strings.HasPrefix(in, s.Text)
		if !starts && (s.Prefix == prefixAlways || s.Prefix == prefixFirst && first && sp.Start == 0) {
			e.put(s.Text, int(sp.Start), int(sp.Start))
		}
		at := int(sp.Start)
		for {
			k := strings.IndexByte(w.t.s[at:sp.End], ' ')
			if k < 0 {
				break
			}
			e.keep(at, at+k)
			e.put(s.Text, at+k, at+k+1)
			at += k + 1
		}
		e.keep(at, int(sp.End))
	})
	if s.Split {
		return w.cut(split.Literal(s.Text), split.MergedWithNext, false)
	}
	return nil
}

// rewrite changes the text of each word.
func (w *words) rewrite(f func(e *edit, sp split.Span)) {
	e := newEdit(&w.t)
	out := w.spare[:0]
	for _, sp := range w.spans {
		start := len(e.buf)
		f(e, sp)
		out = append(out, split.Span{Start: int32(start), End: int32(len(e.buf))})
	}
	w.t = e.done()
	w.spans, w.spare = out, w.spans
}

// chars finds characters of a class, in bytes through their spelling.
func chars(c uclass.Class, bytes bool) split.Finder {
	if !bytes {
		return split.Chars(c)
	}
	var f byteFinder
	tab := uclass.Get()
	for b, r := range byteRune {
		f[b] = tab.Of(r)&c != 0
	}
	return &f
}

// byteFinder finds single bytes.
type byteFinder [256]bool

// Each implements split.Finder.
func (f *byteFinder) Each(s string, found func(start, end int)) error {
	for i := 0; i < len(s); i++ {
		if f[s[i]] {
			found(i, i+1)
		}
	}
	return nil
}

// mappedFinder finds in the spelling of bytes.
type mappedFinder struct{ f split.Finder }

// Each implements split.Finder.
func (f mappedFinder) Each(s string, found func(start, end int)) error {
	mapped := string(appendMapped(nil, s))
	at, bytes := 0, 0 // the same place in mapped and in s
	advance := func(to int) int {
		for at < to {
			_, n := uclass.Rune(mapped, at)
			at += n
			bytes++
		}
		return bytes
	}
	return f.f.Each(mapped, func(start, end int) {
		from := advance(start)
		found(from, advance(end))
	})
}

// wordFinder finds \w+|[^\w\s]+.
type wordFinder struct{}

// Each implements split.Finder.
func (wordFinder) Each(s string, found func(start, end int)) error {
	tab := uclass.Get()
	for i := 0; i < len(s); {
		start := i
		k, n := tab.At(s, i)
		i += n
		if k&uclass.Word == 0 && k&uclass.Space != 0 {
			continue
		}
		word := k & uclass.Word
		for i < len(s) {
			k, n := tab.At(s, i)
			if k&uclass.Word != word || word == 0 && k&uclass.Space != 0 {
				break
			}
			i += n
		}
		found(start, i)
	}
	return nil
}
