package tokenizer

import (
	"fmt"

	"github.com/tessera-llm/tessera/internal/jsonscan"
)

// FromJSON builds a tokenizer from a tokenizer.json. tokenizerConfig, the
// tokenizer_config.json beside it, names bos and eos, may say whether they are
// added and may add tokens, as transformers reads it; it may be nil.
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
	conf, err := readConfig(config)
	if err != nil {
		return nil, fmt.Errorf("tokenizer_config.json: %w", err)
	}
	added, err := p.addedTokens(conf)
	if err != nil {
		return nil, err
	}
	if err := p.model.add(added, &sp); err != nil {
		return nil, fmt.Errorf("added tokens: %w", err)
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
	if err := conf.apply(&sp, v); err != nil {
		return nil, fmt.Errorf("tokenizer_config.json: %w", err)
	}
	return build(v, p.model.rules, p.model.scores, sp)
}
