package dialog

import (
	"slices"
	"strings"

	"github.com/tessera-llm/tessera/pkg/tokenizer"
	"github.com/tessera-llm/tessera/runtime"
)

// writer takes the tokens of an answer apart and emits events.
type writer struct {
	emit      func(Event) bool // false: nobody listens any more
	left      bool             // so it was
	tokens    bool             // emit them, too
	tok       *tokenizer.Tokenizer
	dec       *tokenizer.StreamDecoder
	stops     matcher
	stopped   int // index of the stop string that was met, -1
	r         *reasoner
	text      strings.Builder
	reasoning strings.Builder
}

func newWriter(l *Language, r *reasoner, o *Options, emit func(Event) bool) *writer {
	w := &writer{emit: emit, tokens: o.Tokens, tok: l.tok, r: r, stops: matcher{patterns: o.Stop}, stopped: -1}
	if l.tok != nil {
		w.dec = l.tok.NewDecoder(tokenizer.DecodeOptions{SkipSpecial: true})
	}
	return w
}

// begin shows what the prompt has opened.
func (w *writer) begin() {
	if w.r != nil {
		w.show(w.r.start())
	}
}

func (w *writer) token(t runtime.Token) {
	p := piece{}
	if w.dec != nil {
		spelling, kind, _ := w.tok.Piece(t.ID)
		if p.control = kind == tokenizer.Control; p.control {
			p.text = spelling
		} else {
			p.text = w.dec.Push(t.ID)
		}
	}
	if w.tokens {
		e := Event{Kind: Token, Token: t}
		if !p.control {
			e.Text = p.text
		}
		w.send(e)
	}
	out, found := w.stops.push(p)
	w.stopped = found
	w.pieces(out)
}

// flush ends the answer; what stands behind a stop string is lost.
func (w *writer) flush() {
	var rest []piece
	if w.stopped < 0 {
		if w.dec != nil {
			out, found := w.stops.push(piece{text: w.dec.Flush()})
			rest, w.stopped = out, found
		}
		if w.stopped < 0 {
			rest = slices.Concat(rest, w.stops.flush())
		}
	}
	w.pieces(rest)
	if w.r != nil {
		w.show(w.r.flush())
	}
}

func (w *writer) pieces(all []piece) {
	if w.r == nil {
		if s := plain(all); s != "" {
			w.show([]section{{Text, s}})
		}
		return
	}
	for _, p := range all {
		w.show(w.r.push(p))
	}
}

// show emits text and keeps it.
func (w *writer) show(all []section) {
	for _, s := range all {
		switch s.kind {
		case Text:
			w.text.WriteString(s.text)
		case Reasoning:
			w.reasoning.WriteString(s.text)
		}
		w.send(Event{Kind: s.kind, Text: s.text})
	}
}

func (w *writer) send(e Event) {
	if !w.left {
		w.left = !w.emit(e)
	}
}
