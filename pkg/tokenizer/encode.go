package tokenizer

import (
	"fmt"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/tessera-llm/tessera/pkg/tokenizer/internal/split"
)

// EncodeOptions controls Encode.
type EncodeOptions struct {
	// AddSpecial puts the tokens around the text that the model expects (bos
	// and the like).
	AddSpecial bool
	// ParseSpecial reads control tokens that are spelt in the text. Without it
	// they are text, as everything that comes from a user must be. Tokens of
	// kind UserDefined are always read.
	ParseSpecial bool
	// Trusted, if not nil, is asked for each control token that ParseSpecial
	// finds: whether it may be one, being spelt in bytes [start, end) of the
	// text. Where it says no the bytes are text. So a prompt of which parts
	// come from users is encoded in one piece.
	Trusted func(start, end int) bool
}

// Token is a token and the bytes of the text that it stands for. Tokens that
// are added around the text have empty ranges at its ends.
type Token struct {
	ID         int32
	Start, End int
}

// maxText bounds the bytes of one text.
const maxText = math.MaxInt32 / 8

// Encode turns text into tokens. Bytes that are not UTF-8 count as U+FFFD, one
// for each maximal part of a character, as in Python and Rust; a vocabulary of
// GGUF kind "llama" instead encodes them as bytes, as llama.cpp does.
func (t *Tokenizer) Encode(text string, o EncodeOptions) ([]int32, error) {
	e := t.encoder()
	defer t.release(e)
	e.ids = make([]int32, 0, len(text)/4+len(t.spec.Prefix)+len(t.spec.Suffix)+4)
	e.track = false
	if err := e.encode(text, o); err != nil {
		return nil, err
	}
	ids := e.ids
	e.ids = nil
	return ids, nil
}

// EncodeOffsets is Encode with the place of each token in text. Where a
// normaliser has changed the text, a token stands for all bytes that its own
// came from.
func (t *Tokenizer) EncodeOffsets(text string, o EncodeOptions) ([]Token, error) {
	e := t.encoder()
	defer t.release(e)
	e.track = true
	e.tokens = make([]Token, 0, len(text)/4+8)
	if err := e.encode(text, o); err != nil {
		return nil, err
	}
	tokens := e.tokens
	e.tokens = nil
	return tokens, nil
}

// trust asks Trusted about places in a text that may have been changed.
func (o *EncodeOptions) trust(t *text) func(start, end int) bool {
	if o.Trusted == nil {
		return nil
	}
	return func(start, end int) bool { return o.Trusted(t.source(start, end)) }
}

// encoder is the scratch memory of one call.
type encoder struct {
	t      *Tokenizer
	track  bool
	ids    []int32 // result, unless track
	tokens []Token // result, if track
	m      merger
	cache  []cacheEntry
	spans  []split.Span
	spare  []split.Span
	segs   []segment
	inner  []segment
	apply  split.Applier
}

func (t *Tokenizer) encoder() *encoder {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n := len(t.free); n > 0 {
		e := t.free[n-1]
		t.free = t.free[:n-1]
		return e
	}
	return &encoder{t: t, cache: make([]cacheEntry, 1<<cacheBits)}
}

// maxFree is how many idle encoders a Tokenizer keeps.
const maxFree = 4

func (t *Tokenizer) release(e *encoder) {
	e.ids, e.tokens = nil, nil
	if cap(e.spans) > 1<<20 {
		e.spans, e.spare = nil, nil
	}
	if cap(e.m.syms) > 1<<16 {
		e.m = merger{}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.free) < maxFree {
		t.free = append(t.free, e)
	}
}

func (e *encoder) emit(id int32, start, end int) {
	if e.track {
		e.tokens = append(e.tokens, Token{id, start, end})
	} else {
		e.ids = append(e.ids, id)
	}
}

func (e *encoder) encode(input string, o EncodeOptions) error {
	t := e.t
	if len(input) > maxText {
		return fmt.Errorf("text of %d bytes, at most %d can be encoded at once", len(input), maxText)
	}
	if o.AddSpecial {
		for _, id := range t.spec.Prefix {
			e.emit(id, 0, 0)
		}
	}
	src := text{s: input, track: e.track || o.Trusted != nil}
	if !t.spec.Model.RawBytes {
		src = validText(src)
	}
	e.segs = t.added.segments(src.s, o.ParseSpecial, o.trust(&src), e.segs[:0])
	for _, sg := range e.segs {
		part := src.slice(sg.start, sg.end)
		if sg.tok != nil {
			e.emitText(sg.tok.ID, &part)
			continue
		}
		if err := e.segment(part, o, sg.start == 0); err != nil {
			return err
		}
	}
	if o.AddSpecial {
		for _, id := range t.spec.Suffix {
			e.emit(id, len(input), len(input))
		}
	}
	return nil
}

func (e *encoder) emitText(id int32, part *text) {
	if !e.track {
		e.ids = append(e.ids, id)
		return
	}
	a, b := part.source(0, len(part.s))
	e.tokens = append(e.tokens, Token{id, a, b})
}

// segment normalises text between added tokens and cuts it at the added
// tokens that are matched in normalised text.
func (e *encoder) segment(part text, o EncodeOptions, first bool) error {
	if part.s == "" {
		return nil
	}
	var err error
	limit := grownTooMuch(len(part.s))
	for _, f := range e.t.norm {
		if part, err = f(part); err != nil {
			return err
		}
		if len(part.s) > limit {
			return errGrown
		}
	}
	e.inner = e.t.addedNorm.segments(part.s, o.ParseSpecial, o.trust(&part), e.inner[:0])
	for _, sg := range e.inner {
		in := part.slice(sg.start, sg.end)
		if sg.tok != nil {
			e.emitText(sg.tok.ID, &in)
			continue
		}
		if in.s == "" {
			continue
		}
		if err := e.words(in, first && sg.start == 0); err != nil {
			return err
		}
	}
	return nil
}

// words cuts a text into words and encodes them.
func (e *encoder) words(part text, first bool) error {
	if len(part.s) > 8*maxText-1 {
		return fmt.Errorf("normalised text of %d bytes is too long", len(part.s))
	}
	w := words{t: part, first: first, spans: append(e.spans[:0], split.Span{End: int32(len(part.s))}), spare: e.spare, apply: &e.apply}
	for _, f := range e.t.pre {
		if err := f(&w); err != nil {
			return err
		}
	}
	e.spans, e.spare = w.spans, w.spare
	mayCut := e.t.cutWords && (!e.t.spec.Model.RawBytes || utf8.ValidString(w.t.s))
	for _, sp := range w.spans {
		for start := sp.Start; start < sp.End; {
			end := sp.End
			if mayCut {
				end = e.cutAt(w.t.s, start, sp.End)
			}
			if err := e.word(&w.t, int(start), int(end)); err != nil {
				return err
			}
			start = end
		}
	}
	return nil
}

// cutAt finds the first metaspace after start where no token can reach over
// the boundary. Cutting there changes nothing but the size of the words.
func (e *encoder) cutAt(s string, start, end int32) int32 {
	for at := start; ; {
		k := strings.Index(s[at:end], metaspace)
		if k < 0 {
			return end
		}
		at += int32(k)
		if at > start {
			r, _ := utf8.DecodeLastRuneInString(s[start:at])
			if e.t.model.cut(r) {
				return at
			}
		}
		at += int32(len(metaspace))
	}
}

// word encodes one word.
func (e *encoder) word(t *text, start, end int) error {
	w := t.s[start:end]
	if e.track {
		if err := e.t.model.word(&e.m, w); err != nil {
			return err
		}
		for _, x := range e.m.syms {
			a, b := t.source(start+int(x.start), start+int(x.start+x.n))
			e.tokens = append(e.tokens, Token{x.id, a, b})
		}
		return nil
	}
	var slot *cacheEntry
	if len(w) <= cacheWord {
		key, i := keyOf(w)
		slot = &e.cache[i]
		if slot.key == key && slot.n > 0 {
			e.ids = append(e.ids, slot.ids[:slot.n]...)
			return nil
		}
		if err := e.t.model.word(&e.m, w); err != nil {
			return err
		}
		if n := len(e.m.syms); n > 0 && n <= cacheIDs {
			slot.key, slot.n = key, int32(n)
			for i, x := range e.m.syms {
				slot.ids[i] = x.id
			}
		}
	} else if err := e.t.model.word(&e.m, w); err != nil {
		return err
	}
	for _, x := range e.m.syms {
		e.ids = append(e.ids, x.id)
	}
	return nil
}
