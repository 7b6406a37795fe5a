package tokenizer

import (
	"encoding/json"
	"fmt"

	"github.com/tessera-llm/tessera/internal/jsonscan"
)

// FromJSON builds a tokenizer from a tokenizer.json. tokenizerConfig, the
// tokenizer_config.json beside it, names bos and eos; it may be nil.
func FromJSON(tokenizerJSON, tokenizerConfig []byte) (*Tokenizer, error) {
	t, err := fromJSON(tokenizerJSON, tokenizerConfig)
	if err != nil {
		return nil, fmt.Errorf("tokenizer.json: %w", err)
	}
	return t, nil
}

// jsonParts is a tokenizer.json taken apart.
type jsonParts struct {
	normalizer, preTokenizer, postProcessor, decoder []byte
	added                                            []byte
	model                                            *jsonModel
}

func fromJSON(data, config []byte) (*Tokenizer, error) {
	var p jsonParts
	sc := jsonscan.New(data)
	err := sc.Object(func(key string) (err error) {
		switch key {
		case "version":
			v, err := sc.String()
			if err == nil && v != "1.0" {
				err = fmt.Errorf("version %q, want 1.0", v)
			}
			return err
		case "normalizer":
			p.normalizer, err = sc.Raw()
		case "pre_tokenizer":
			p.preTokenizer, err = sc.Raw()
		case "post_processor":
			p.postProcessor, err = sc.Raw()
		case "decoder":
			p.decoder, err = sc.Raw()
		case "added_tokens":
			p.added, err = sc.Raw()
		case "model":
			p.model, err = readModel(sc, len(data))
		default:
			err = sc.Skip()
		}
		return err
	})
	if err == nil {
		err = sc.End()
	}
	if err != nil {
		return nil, err
	}
	if p.model == nil {
		return nil, fmt.Errorf("no model")
	}
	return p.build(config)
}

// build translates the parts.
func (p *jsonParts) build(config []byte) (*Tokenizer, error) {
	sp := spec{BOS: -1, EOS: -1, Model: p.model.spec}
	if err := p.addTokens(&sp); err != nil {
		return nil, fmt.Errorf("added_tokens: %w", err)
	}
	v, err := p.model.pieces.vocab()
	if err != nil {
		return nil, err
	}
	if err := v.index(sp.Model.Kind == modelUnigram); err != nil {
		return nil, err
	}
	if err := p.model.resolve(v, &sp); err != nil {
		return nil, err
	}
	if sp.Norm, err = normSteps(p.normalizer); err != nil {
		return nil, fmt.Errorf("normalizer: %w", err)
	}
	if sp.Pre, err = preSteps(p.preTokenizer); err != nil {
		return nil, fmt.Errorf("pre_tokenizer: %w", err)
	}
	for _, s := range sp.Pre {
		sp.Model.ByteLevel = sp.Model.ByteLevel || s.Op == opByteLevel
	}
	if err := postProcessor(p.postProcessor, &sp, v); err != nil {
		return nil, fmt.Errorf("post_processor: %w", err)
	}
	if sp.Decode, err = decoderOf(p.decoder); err != nil {
		return nil, fmt.Errorf("decoder: %w", err)
	}
	if err := configTokens(config, &sp, v); err != nil {
		return nil, err
	}
	return build(v, p.model.rules, p.model.scores, sp)
}

// addTokens adds the added tokens to the vocabulary. The tokenizers package
// ignores the ids that the file gives them: a token of the model keeps its id,
// the others are numbered on from the end. Where the two disagree nobody can
// say which ids the weights were trained with, so that is an error.
func (p *jsonParts) addTokens(sp *spec) error {
	if isNull(p.added) {
		return nil
	}
	var list []struct {
		ID         *int64 `json:"id"`
		Content    string `json:"content"`
		SingleWord bool   `json:"single_word"`
		LStrip     bool   `json:"lstrip"`
		RStrip     bool   `json:"rstrip"`
		Normalized bool   `json:"normalized"`
		Special    bool   `json:"special"`
	}
	if err := json.Unmarshal(p.added, &list); err != nil {
		return err
	}
	m := p.model
	known := make(map[string]int64, len(list))
	if len(list) > 0 {
		wanted := make(map[string]bool, len(list))
		for _, a := range list {
			wanted[a.Content] = true
		}
		for id, s := range m.pieces.text {
			if wanted[s] && m.pieces.kind[id] != Unassigned {
				known[s] = int64(id)
			}
		}
	}
	next := int64(m.entries)
	for _, a := range list {
		switch {
		case a.Content == "":
			continue
		case a.ID == nil:
			return fmt.Errorf("token %q has no id", a.Content)
		}
		kind := UserDefined
		if a.Special {
			kind = Control
		}
		id, ok := known[a.Content]
		if !ok {
			id = next
			next++
		}
		if id != *a.ID {
			return fmt.Errorf("token %q: id %d in the file, but its place in the vocabulary gives %d", a.Content, *a.ID, id)
		}
		if !ok {
			if err := m.pieces.set(id, a.Content, kind|addedOnly, m.limit+len(list)); err != nil {
				return err
			}
			known[a.Content] = id
		} else {
			m.pieces.kind[id] = kind
		}
		sp.Added = append(sp.Added, addedToken{
			ID: int32(id), Content: a.Content, Special: a.Special, Normalized: a.Normalized,
			LStrip: a.LStrip, RStrip: a.RStrip, SingleWord: a.SingleWord,
		})
	}
	return nil
}

// configTokens reads bos and eos of a tokenizer_config.json.
func configTokens(config []byte, sp *spec, v *vocab) error {
	if isNull(config) {
		return nil
	}
	var c struct {
		BOS json.RawMessage `json:"bos_token"`
		EOS json.RawMessage `json:"eos_token"`
	}
	if err := json.Unmarshal(config, &c); err != nil {
		return fmt.Errorf("tokenizer_config.json: %w", err)
	}
	for _, x := range []struct {
		key string
		raw []byte
		to  *int32
	}{{"bos_token", c.BOS, &sp.BOS}, {"eos_token", c.EOS, &sp.EOS}} {
		if isNull(x.raw) {
			continue
		}
		var name string
		if json.Unmarshal(x.raw, &name) != nil {
			var obj struct {
				Content string `json:"content"`
			}
			if err := json.Unmarshal(x.raw, &obj); err != nil {
				return fmt.Errorf("tokenizer_config.json: %s: %w", x.key, err)
			}
			name = obj.Content
		}
		id, ok := v.lookup(name)
		if !ok {
			return fmt.Errorf("tokenizer_config.json: %s %q is not in the vocabulary", x.key, name)
		}
		*x.to = id
	}
	return nil
}

func isNull(raw []byte) bool { return len(raw) == 0 || string(raw) == "null" }
