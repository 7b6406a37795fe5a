package dialog

import "strings"

// mark is how a family of models encloses its reasoning.
type mark struct {
	open, close string
	// anywhere says that the marks are control tokens, so that they are no
	// mere text wherever they stand; others count at the start of an answer.
	anywhere bool
}

// marks are those we know. The first is looked for in every chat, the others
// where the template mentions them.
var marks = []mark{
	{open: "<think>", close: "</think>"},
	{open: "[THINK]", close: "[/THINK]"},
	{open: "<seed:think>", close: "</seed:think>"},
	{open: "◁think▷", close: "◁/think▷"},
	{open: "<|START_THINKING|>", close: "<|END_THINKING|>", anywhere: true},
	{open: "<|channel>thought\n", close: "<channel|>", anywhere: true},           // Gemma 4
	{open: "<|channel|>analysis<|message|>", close: "<|end|>", anywhere: true},   // gpt-oss
	{open: "<|channel|>commentary<|message|>", close: "<|end|>", anywhere: true}, // gpt-oss
}

// silent are texts between control tokens that are part of the frame of an
// answer, not of the answer.
var silent = []string{"<|start|>assistant", "<|channel|>final<|message|>"}

// section is text of one kind.
type section struct {
	kind Kind // Text, Reasoning or Control
	text string
}

// reasoner tells reasoning from answer.
type reasoner struct {
	marks  []mark
	m      matcher
	inside int  // index of the open mark, -1 outside
	begun  bool // the answer has begun
}

// mentions says whether a template spells a text, with or without escapes.
func mentions(template, text string) bool {
	return strings.Contains(strings.ReplaceAll(template, `\n`, "\n"), text)
}

// newReasoner watches for the marks that a template mentions; prompt is the end of what
// it wrote itself: some templates open the reasoning, users cannot.
func newReasoner(template, prompt string) *reasoner {
	r := &reasoner{inside: -1}
	for i, k := range marks {
		if i == 0 || mentions(template, k.open) {
			r.marks = append(r.marks, k)
		}
	}
	end := strings.TrimRight(prompt, " \n")
	for i, k := range r.marks {
		if strings.HasSuffix(end, strings.TrimRight(k.open, "\n")) {
			r.inside = i
		}
	}
	r.expect()
	return r
}

// start returns what is to be shown before the first token.
func (r *reasoner) start() []section {
	if r.inside < 0 {
		return nil
	}
	return []section{{Control, r.shown(true) + "\n"}}
}

// expect sets the strings to look for.
func (r *reasoner) expect() {
	if r.inside >= 0 {
		r.m.patterns = []string{r.marks[r.inside].close}
		return
	}
	r.m.patterns = nil
	for _, k := range r.marks {
		r.m.patterns = append(r.m.patterns, k.open)
	}
	r.m.patterns = append(r.m.patterns, silent...)
}

// shown is what is printed for a mark: itself where it is text, else the usual
// one.
func (r *reasoner) shown(open bool) string {
	k := r.marks[r.inside]
	if k.anywhere {
		k = marks[0]
	}
	if open {
		return k.open
	}
	return k.close
}

func (r *reasoner) push(p piece) []section {
	out, found := r.m.push(p)
	var all []section
	for {
		all = r.add(all, plain(out))
		if found < 0 {
			return all
		}
		all = r.met(all, found)
		out, found = r.m.next()
	}
}

func (r *reasoner) flush() []section { return r.add(nil, plain(r.m.flush())) }

// add appends text of the current kind.
func (r *reasoner) add(all []section, text string) []section {
	if text == "" {
		return all
	}
	k := Reasoning
	if r.inside < 0 {
		k = Text
		r.begun = r.begun || strings.TrimSpace(text) != ""
	}
	return append(all, section{k, text})
}

// met handles a pattern.
func (r *reasoner) met(all []section, found int) []section {
	switch {
	case r.inside >= 0:
		all = append(all, section{Control, r.shown(false)})
		if r.marks[r.inside].anywhere {
			all = append(all, section{Control, "\n\n"})
		}
		r.inside = -1
	case found >= len(r.marks):
		// part of the frame
	case r.begun && !r.marks[found].anywhere:
		all = r.add(all, r.marks[found].open)
	default:
		r.inside = found
		all = append(all, section{Control, r.shown(true)})
		if r.marks[found].anywhere {
			all = append(all, section{Control, "\n"})
		}
	}
	r.expect()
	return all
}
