package tokenizer

import (
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"github.com/tessera-llm/tessera/pkg/tokenizer/internal/split"
)

// maxSteps bounds the normalisers or pre-tokenizers of one file.
const maxSteps = 64

// jsonStep holds the members of all normalisers, pre-tokenizers, processors
// and decoders.
type jsonStep struct {
	Type          string            `json:"type"`
	Normalizers   []json.RawMessage `json:"normalizers"`
	PreTokenizers []json.RawMessage `json:"pretokenizers"`
	Processors    []json.RawMessage `json:"processors"`
	Decoders      []json.RawMessage `json:"decoders"`

	Pattern          *jsonPattern    `json:"pattern"`
	Content          string          `json:"content"`
	Prepend          string          `json:"prepend"`
	StripLeft        bool            `json:"strip_left"`
	StripRight       bool            `json:"strip_right"`
	Behavior         split.Behavior  `json:"behavior"`
	Invert           bool            `json:"invert"`
	AddPrefixSpace   *bool           `json:"add_prefix_space"`
	UseRegex         *bool           `json:"use_regex"`
	IndividualDigits bool            `json:"individual_digits"`
	Replacement      string          `json:"replacement"`
	PrependScheme    *string         `json:"prepend_scheme"`
	Split            *bool           `json:"split"`
	Start            int             `json:"start"`
	Stop             int             `json:"stop"`
	Single           json.RawMessage `json:"single"`
	SpecialTokens    json.RawMessage `json:"special_tokens"`
	SEP              json.RawMessage `json:"sep"`
	CLS              json.RawMessage `json:"cls"`
}

// jsonPattern is {"String": s} or {"Regex": s}.
type jsonPattern struct {
	String *string `json:"String"`
	Regex  *string `json:"Regex"`
}

func (p *jsonPattern) fill(s *step) error {
	switch {
	case p == nil, p.String == nil && p.Regex == nil, p.String != nil && p.Regex != nil:
		return fmt.Errorf("pattern is neither a String nor a Regex")
	case p.String != nil:
		s.Pattern, s.Literal = *p.String, true
	default:
		s.Pattern = *p.Regex
	}
	return nil
}

func parseStep(raw []byte) (*jsonStep, error) {
	var s jsonStep
	if err := json.Unmarshal(raw, &s); err != nil {
		return nil, err
	}
	return &s, nil
}

// flatten calls f for each step of a possibly nested Sequence.
func flatten(raw []byte, members func(*jsonStep) []json.RawMessage, depth int, f func(*jsonStep) error) error {
	if isNull(raw) {
		return nil
	}
	if depth > 8 {
		return fmt.Errorf("sequences nested more than 8 deep")
	}
	s, err := parseStep(raw)
	if err != nil {
		return err
	}
	if s.Type != "Sequence" {
		return f(s)
	}
	for _, m := range members(s) {
		if err := flatten(m, members, depth+1, f); err != nil {
			return err
		}
	}
	return nil
}

var normOps = map[string]string{
	"NFC": opNFC, "NFD": opNFD, "NFKC": opNFKC, "NFKD": opNFKD, "Lowercase": opLower,
	"StripAccents": opStripAccents, "ByteLevel": opMapBytes, "Strip": opStrip,
}

func normSteps(raw []byte) (out []step, err error) {
	err = flatten(raw, func(s *jsonStep) []json.RawMessage { return s.Normalizers }, 0, func(s *jsonStep) error {
		var st step
		switch s.Type {
		case "Replace":
			st = step{Op: opReplace, Text: s.Content}
			if err := s.Pattern.fill(&st); err != nil {
				return fmt.Errorf("Replace: %w", err)
			}
		case "Prepend":
			st = step{Op: opPrepend, Text: s.Prepend}
		default:
			op, ok := normOps[s.Type]
			if !ok {
				return fmt.Errorf("type %q is not supported", s.Type)
			}
			st = step{Op: op, Left: s.StripLeft, Right: s.StripRight}
		}
		if out = append(out, st); len(out) > maxSteps {
			return fmt.Errorf("more than %d steps", maxSteps)
		}
		return nil
	})
	return out, err
}

func preSteps(raw []byte) (out []step, err error) {
	err = flatten(raw, func(s *jsonStep) []json.RawMessage { return s.PreTokenizers }, 0, func(s *jsonStep) error {
		st, err := preStep(s)
		if err != nil {
			return fmt.Errorf("%s: %w", s.Type, err)
		}
		if out = append(out, st); len(out) > maxSteps {
			return fmt.Errorf("more than %d steps", maxSteps)
		}
		return nil
	})
	return out, err
}

func preStep(s *jsonStep) (step, error) {
	switch s.Type {
	case "ByteLevel":
		st := step{Op: opByteLevel, Split: s.UseRegex == nil || *s.UseRegex}
		if s.AddPrefixSpace == nil {
			return st, fmt.Errorf("no add_prefix_space")
		}
		if *s.AddPrefixSpace {
			st.Prefix = prefixAlways
		}
		return st, nil
	case "Split":
		st := step{Op: opSplit, Behavior: s.Behavior, Invert: s.Invert}
		return st, s.Pattern.fill(&st)
	case "Digits":
		return step{Op: opDigits, Split: s.IndividualDigits}, nil
	case "Punctuation":
		if s.Behavior == "" {
			s.Behavior = split.Isolated
		}
		return step{Op: opPunctuation, Behavior: s.Behavior}, nil
	case "Whitespace":
		return step{Op: opWords}, nil
	case "WhitespaceSplit":
		return step{Op: opBlanks}, nil
	case "Metaspace":
		return metaspaceStep(s)
	}
	return step{}, fmt.Errorf("this pre-tokenizer is not supported")
}

// metaspaceStep reads Metaspace, in the spelling before prepend_scheme too.
func metaspaceStep(s *jsonStep) (step, error) {
	scheme := prefixAlways
	if s.PrependScheme != nil {
		scheme = *s.PrependScheme
	}
	if s.AddPrefixSpace != nil && !*s.AddPrefixSpace {
		if s.PrependScheme != nil && scheme != "never" {
			return step{}, fmt.Errorf("add_prefix_space false and prepend_scheme %q", scheme)
		}
		scheme = "never"
	}
	st := step{Op: opMetaspace, Text: s.Replacement, Prefix: scheme, Split: s.Split == nil || *s.Split}
	switch scheme {
	case prefixAlways, prefixFirst:
	case "never":
		st.Prefix = ""
	default:
		return st, fmt.Errorf("prepend_scheme %q is unknown", scheme)
	}
	if utf8.RuneCountInString(s.Replacement) != 1 {
		return st, fmt.Errorf("replacement %q is not one character", s.Replacement)
	}
	return st, nil
}

// postProcessor reads the tokens around a single text.
func postProcessor(raw []byte, sp *spec, v *vocab) error {
	n := 0
	return flatten(raw, func(s *jsonStep) []json.RawMessage { return s.Processors }, 0, func(s *jsonStep) error {
		if n++; n > maxSteps {
			return fmt.Errorf("more than %d steps", maxSteps)
		}
		switch s.Type {
		case "ByteLevel": // changes offsets only
			return nil
		case "TemplateProcessing":
			if err := template(s, sp); err != nil {
				return fmt.Errorf("TemplateProcessing: %w", err)
			}
			return nil
		case "BertProcessing", "RobertaProcessing":
			cls, err := pairID(s.CLS)
			if err != nil {
				return fmt.Errorf("%s: cls: %w", s.Type, err)
			}
			sep, err := pairID(s.SEP)
			if err != nil {
				return fmt.Errorf("%s: sep: %w", s.Type, err)
			}
			sp.Prefix = append([]int32{cls}, sp.Prefix...)
			sp.Suffix = append(sp.Suffix, sep)
			return nil
		}
		return fmt.Errorf("type %q is not supported", s.Type)
	})
}

// pairID reads ["token", id].
func pairID(raw []byte) (int32, error) {
	var pair []json.RawMessage
	if err := json.Unmarshal(raw, &pair); err != nil {
		return 0, err
	}
	if len(pair) != 2 {
		return 0, fmt.Errorf("%d members, want token and id", len(pair))
	}
	var id int32
	return id, json.Unmarshal(pair[1], &id)
}

// template reads the template for one text.
func template(s *jsonStep, sp *spec) error {
	var pieces []struct {
		Sequence *struct {
			ID string `json:"id"`
		} `json:"Sequence"`
		SpecialToken *struct {
			ID string `json:"id"`
		} `json:"SpecialToken"`
	}
	if err := json.Unmarshal(s.Single, &pieces); err != nil {
		return fmt.Errorf("single: %w", err)
	}
	var tokens map[string]struct {
		IDs []int32 `json:"ids"`
	}
	if !isNull(s.SpecialTokens) {
		if err := json.Unmarshal(s.SpecialTokens, &tokens); err != nil {
			return fmt.Errorf("special_tokens: %w", err)
		}
	}
	seen := 0
	var prefix, suffix []int32
	for _, p := range pieces {
		switch {
		case p.Sequence != nil && p.Sequence.ID == "A":
			seen++
		case p.SpecialToken != nil:
			tok, ok := tokens[p.SpecialToken.ID]
			if !ok {
				return fmt.Errorf("special token %q is not in special_tokens", p.SpecialToken.ID)
			}
			if seen == 0 {
				prefix = append(prefix, tok.IDs...)
			} else {
				suffix = append(suffix, tok.IDs...)
			}
		default:
			return fmt.Errorf("single: a piece is neither sequence A nor a special token")
		}
	}
	if seen != 1 {
		return fmt.Errorf("single: the text occurs %d times, want once", seen)
	}
	sp.Prefix = append(prefix, sp.Prefix...)
	sp.Suffix = append(sp.Suffix, suffix...)
	return nil
}

// decoderOf reads a decoder: ByteLevel, or replacements and byte fallback in
// each token followed by Fuse and Strip, in the orders that make sense.
func decoderOf(raw []byte) (d decodeSpec, err error) {
	if isNull(raw) {
		return decodeSpec{Blank: true}, nil
	}
	n, fused := 0, false
	err = flatten(raw, func(s *jsonStep) []json.RawMessage { return s.Decoders }, 0, func(s *jsonStep) error {
		if n++; n > maxSteps {
			return fmt.Errorf("more than %d steps", maxSteps)
		}
		order := func(bad bool) error {
			if bad {
				return fmt.Errorf("%s at place %d of the sequence is not supported", s.Type, n)
			}
			return nil
		}
		switch s.Type {
		case "ByteLevel":
			d.ByteLevel, fused = true, true
			return order(n > 1)
		case "Replace":
			if s.Pattern == nil || s.Pattern.String == nil || *s.Pattern.String == "" {
				return fmt.Errorf("Replace: only a pattern of kind String is supported")
			}
			d.Replace = append(d.Replace, replace{*s.Pattern.String, s.Content})
			return order(fused || d.ByteFallback || d.Metaspace != "")
		case "Metaspace":
			st, err := metaspaceStep(s)
			if err != nil {
				return fmt.Errorf("Metaspace: %w", err)
			}
			d.Metaspace, d.DropFirst = st.Text, st.Prefix != ""
			return order(fused || d.ByteFallback)
		case "ByteFallback":
			d.ByteFallback = true
			return order(fused)
		case "Fuse":
			fused = true
			return nil
		case "Strip":
			if utf8.RuneCountInString(s.Content) != 1 {
				return fmt.Errorf("Strip: content %q is not one character", s.Content)
			}
			d.StripChar, d.StripStart, d.StripEnd = s.Content, s.Start, s.Stop
			return order(!fused || n > 1 && d.StripStart < 0)
		}
		return fmt.Errorf("type %q is not supported", s.Type)
	})
	return d, err
}
