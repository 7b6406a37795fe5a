package tokenizer

import (
	"encoding/json"
	"fmt"
	"unicode/utf8"
)

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
