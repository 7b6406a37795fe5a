package chat

import (
	"fmt"
	"slices"
)

// Vocab is what StopTokens needs to know of a tokenizer.
type Vocab interface {
	Size() int
	// TokenID is the token spelt exactly so.
	TokenID(piece string) (id int32, ok bool)
	// Control reports whether a token is a control token, one that never stands for text.
	Control(id int32) bool
}

// StopSources are the places that name tokens which end an answer; absent ones are nil.
type StopSources struct {
	Config     []int32 // config.json eos_token_id
	Generation []int32 // generation_config.json eos_token_id
	Tokenizer  []int32 // eos_token of the tokenizer
	GGUF       []int32 // tokenizer.ggml.eos_token_id, eot_token_id, eom_token_id and Ollama's eos_token_ids
}

// terminators are texts by which control tokens end a turn in the families we know.
var terminators = []string{
	"<|eot_id|>", "<|im_end|>", "<|end|>", "<|return|>", "<|call|>", "<end_of_turn>", "<|endoftext|>", "</s>", "<|eom_id|>",
	"<EOT>", "[EOT]", "[EOS]", "<|end_of_text|>", "<end_of_utterance>", "<eos>", "<turn|>", "<|tool_response>",
	"<｜end▁of▁sentence｜>",
}

// stopExceptions remove a token where others exist: in gpt-oss <|end|> only ends a message within an answer,
// in gemma4 </s> is not used.
var stopExceptions = []struct {
	remove string
	when   []string
}{
	{"<|end|>", []string{"<|return|>", "<|call|>"}},
	{"</s>", []string{"<|tool_response>"}},
}

// StopTokens is the union of the tokens all sources name and of the control tokens whose text is a known
// terminator, less the exceptions, ascending.
func StopTokens(v Vocab, s StopSources) ([]int32, error) {
	var out []int32
	for _, src := range []struct {
		name string
		ids  []int32
	}{
		{"config.json eos_token_id", s.Config},
		{"generation_config.json eos_token_id", s.Generation},
		{"tokenizer eos_token", s.Tokenizer},
		{"GGUF end-of-text token ids", s.GGUF},
	} {
		for _, id := range src.ids {
			if id < 0 || int(id) >= v.Size() {
				return nil, fmt.Errorf("%s: token %d, the vocabulary has %d", src.name, id, v.Size())
			}
			out = append(out, id)
		}
	}
	control := func(text string) (int32, bool) {
		id, ok := v.TokenID(text)
		return id, ok && v.Control(id)
	}
	for _, text := range terminators {
		if id, ok := control(text); ok {
			out = append(out, id)
		}
	}
	for _, x := range stopExceptions {
		id, ok := control(x.remove)
		for _, w := range x.when {
			_, have := control(w)
			ok = ok && have
		}
		if ok {
			out = slices.DeleteFunc(out, func(t int32) bool { return t == id })
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}
