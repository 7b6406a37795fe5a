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
