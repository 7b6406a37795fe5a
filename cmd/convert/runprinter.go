package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"

	"github.com/tessera-llm/tessera/pkg/dialog"
)

// printer shows one answer.
type printer interface {
	prompt(text string) error // the text that is gone on with
	event(e dialog.Event) error
	end(a *dialog.Answer, err error) error
}

// textPrinter prints text; ids where there is no tokenizer.
type textPrinter struct {
	*display
	ids bool
	n   int
}

func newTextPrinter(f *os.File, ids bool) *textPrinter {
	return &textPrinter{display: newDisplay(f, isTerminal(f)), ids: ids}
}

func (p *textPrinter) prompt(text string) error {
	p.display.text(text, false)
	return p.err
}

func (p *textPrinter) event(e dialog.Event) error {
	if e.Kind != dialog.Token {
		p.display.event(e)
		return p.err
	}
	if p.ids {
		if p.n > 0 {
			p.text(",", false)
		}
		p.text(fmt.Sprint(e.Token.ID), false)
	}
	p.n++
	return p.err
}

func (p *textPrinter) end(*dialog.Answer, error) error {
	p.endLine()
	return p.err
}

// jsonPrinter prints an object per token and one at the end. The text of a
// token is what it completes: no part of a character, nothing for a control
// token. The texts of all tokens are the answer before stop strings and
// reasoning are taken out; the last object has what is left.
type jsonPrinter struct{ enc *json.Encoder }

func newJSONPrinter(w io.Writer) *jsonPrinter { return &jsonPrinter{json.NewEncoder(w)} }

type tokenLine struct {
	ID      int32    `json:"id"`
	Text    string   `json:"text"`
	LogProb *float32 `json:"logprob"` // null: no number
	Stop    bool     `json:"stop"`
}

type totalLine struct {
	Done      bool       `json:"done"`
	Finish    dialog.End `json:"finish"`
	StopText  string     `json:"stop_text,omitempty"`
	Text      string     `json:"text"`
	Reasoning string     `json:"reasoning,omitempty"`
	Prompt    int        `json:"prompt_tokens"`
	Generated int        `json:"generated_tokens"`
	Prefill   float64    `json:"prompt_seconds"`
	Generate  float64    `json:"generation_seconds"`
	Seed      uint64     `json:"seed"`
}

func (p *jsonPrinter) prompt(string) error { return nil }

func (p *jsonPrinter) event(e dialog.Event) error {
	if e.Kind != dialog.Token {
		return nil
	}
	l := tokenLine{ID: e.Token.ID, Text: e.Text, Stop: e.Token.Stop}
	if x := float64(e.Token.LogProb); !math.IsNaN(x) && !math.IsInf(x, 0) {
		l.LogProb = &e.Token.LogProb
	}
	return p.enc.Encode(l)
}

func (p *jsonPrinter) end(a *dialog.Answer, err error) error {
	if err != nil {
		return nil
	}
	return p.enc.Encode(totalLine{Done: true, Finish: a.End, StopText: a.StopText, Text: a.Text, Reasoning: a.Reasoning,
		Prompt: a.Prompt, Generated: a.Tokens, Prefill: a.Prefill.Seconds(), Generate: a.Generate.Seconds(), Seed: a.Seed})
}
