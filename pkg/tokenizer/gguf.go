package tokenizer

import (
	"fmt"
	"strings"
)

// Metadata is what a GGUF file says in its header; *gguf.File has it. Each
// method reports false, or nil, for a key that is absent or of another type.
type Metadata interface {
	String(key string) (string, bool)
	Uint(key string) (uint64, bool)
	Bool(key string) (bool, bool)
	Strings(key string) []string
	Int32s(key string) ([]int32, bool)
	Float32s(key string) ([]float32, bool)
}

// FromGGUF builds a tokenizer from the tokenizer.ggml keys: model "gpt2" with
// a known tokenizer.ggml.pre, "llama" and "gemma4". Other models, and names of
// pre-tokenizers that are not in our table, are errors that name them.
func FromGGUF(md Metadata) (*Tokenizer, error) {
	t, err := fromGGUF(md)
	if err != nil {
		return nil, fmt.Errorf("tokenizer in GGUF: %w", err)
	}
	return t, nil
}

const ggml = "tokenizer.ggml."

func fromGGUF(md Metadata) (*Tokenizer, error) {
	name, ok := md.String(ggml + "model")
	if !ok {
		return nil, fmt.Errorf("key %smodel is absent", ggml)
	}
	sp := spec{BOS: -1, EOS: -1, Model: modelSpec{Unk: -1}}
	addBOS := false
	switch name {
	case "llama":
		spmSpec(md, &sp)
		addBOS = true
	case "gpt2":
		pre, ok := md.String(ggml + "pre")
		if arch, _ := md.String("general.architecture"); arch == "gptoss" && (!ok || pre == "default") {
			pre, ok = "gpt-4o", true // Ollama's first gpt-oss files
		}
		if !ok {
			return nil, fmt.Errorf("key %spre is absent: the split pattern of the vocabulary is unknown", ggml)
		}
		row := preByName(pre)
		if row == nil {
			return nil, fmt.Errorf("pre-tokenizer %q (%spre) is not known", pre, ggml)
		}
		sp.Name = pre
		sp.Model.Kind, sp.Model.ByteLevel, sp.Model.IgnoreMerges = modelBPE, true, row.ignoreMerges
		sp.Pre = row.steps
		sp.Decode.ByteLevel = true
		if row.nfc {
			sp.Norm = []step{{Op: opNFC}}
		}
		addBOS = row.addBOS
	case "gemma4":
		sp.Name = name
		sp.Model.Kind, sp.Model.ByteFallback, sp.Model.WholeLines = modelBPE, true, true
		sp.Norm = []step{{Op: opReplace, Pattern: " ", Literal: true, Text: metaspace}}
		sp.Pre = []step{scan("lines")}
		sp.Decode.Replace = []replace{{metaspace, " "}}
		sp.Decode.ByteFallback = true
		addBOS = true
	default:
		return nil, fmt.Errorf("tokenizer model %q (%smodel) is not supported; known: gpt2, llama, gemma4", name, ggml)
	}
	v, err := ggufVocab(md, &sp)
	if err != nil {
		return nil, err
	}
	if err := ggufSpecials(md, &sp, v, name, addBOS); err != nil {
		return nil, err
	}
	if sp.Model.Kind == modelBPE {
		rules, err := ggufMerges(md, v)
		if err != nil {
			return nil, err
		}
		return build(v, rules, nil, sp)
	}
	scores, ok := md.Float32s(ggml + "scores")
	if !ok {
		return nil, fmt.Errorf("key %sscores is absent or not an array of f32", ggml)
	}
	if len(scores) != v.size() {
		return nil, fmt.Errorf("%sscores: %d entries for %d tokens", ggml, len(scores), v.size())
	}
	wide := make([]float64, len(scores))
	for i, x := range scores {
		wide[i] = float64(x)
	}
	return build(v, nil, wide, sp)
}

// spmSpec is the pipeline of SentencePiece vocabularies.
func spmSpec(md Metadata, sp *spec) {
	sp.Model.Kind, sp.Model.RawBytes = modelSPM, true
	sp.Norm = []step{{Op: opReplace, Pattern: " ", Literal: true, Text: metaspace}}
	sp.Decode.Replace = []replace{{metaspace, " "}}
	sp.Decode.ByteFallback = true
	if prefix, ok := md.Bool(ggml + "add_space_prefix"); !ok || prefix {
		sp.Norm = append(sp.Norm, step{Op: opPrepend, Text: metaspace})
		sp.Decode.StripChar, sp.Decode.StripStart = " ", 1
	}
}

// ggufVocab reads the tokens with their kinds, and the added tokens among
// them.
func ggufVocab(md Metadata, sp *spec) (*vocab, error) {
	tokens := md.Strings(ggml + "tokens")
	if len(tokens) == 0 {
		return nil, fmt.Errorf("key %stokens is absent, empty or not an array of strings", ggml)
	}
	if len(tokens) > maxTokens {
		return nil, fmt.Errorf("%stokens: %d entries", ggml, len(tokens))
	}
	types, ok := md.Int32s(ggml + "token_type")
	if ok && len(types) != len(tokens) {
		return nil, fmt.Errorf("%stoken_type: %d entries for %d tokens", ggml, len(types), len(tokens))
	}
	p := pieces{text: make([]string, len(tokens)), kind: make([]Kind, len(tokens))}
	copy(p.text, tokens)
	for i := range tokens {
		p.kind[i] = Normal
		if types != nil {
			if types[i] < 1 || types[i] >= numKinds {
				return nil, fmt.Errorf("%stoken_type: token %d has type %d, want 1 to 6", ggml, i, types[i])
			}
			p.kind[i] = Kind(types[i])
		}
		if p.text[i] == "" {
			p.text[i] = fmt.Sprintf("[EMPTY_%d]", i)
		}
	}
	v, err := p.vocab()
	if err != nil {
		return nil, err
	}
	if err := v.index(false); err != nil {
		return nil, fmt.Errorf("%stokens: %w", ggml, err)
	}
	general, _ := md.String("general.name")
	general = strings.ToLower(general)
	phi3 := sp.Model.Kind == modelSPM && (strings.Contains(general, "phi-3") || strings.Contains(general, "phi3"))
	for i, k := range p.kind {
		piece := v.piece(int32(i))
		if k != Control && k != UserDefined && k != Unknown {
			continue
		}
		// GGUF does not carry what Phi-3 says of its own tokens: white space
		// after them is dropped.
		rstrip := phi3 && piece != "<unk>" && piece != "<s>" && piece != "<|endoftext|>"
		sp.Added = append(sp.Added, addedToken{ID: int32(i), Content: piece, Special: k != UserDefined, RStrip: rstrip})
	}
	if i, ok := v.lookup("</s>"); ok && phi3 && p.kind[i] == Normal {
		return nil, fmt.Errorf("token </s> of a Phi-3 vocabulary is of kind normal")
	}
	return v, nil
}

// ggufSpecials reads the ids of bos, eos and unknown and what is added.
func ggufSpecials(md Metadata, sp *spec, v *vocab, model string, addBOS bool) error {
	// The unknown token is not used: byte-level text that has no tokens leaves
	// none (as in llama.cpp and the tokenizers package), and "llama" has bytes.
	var unk int32
	ids := []struct {
		key      string
		fallback int32
		to       *int32
	}{
		{"bos_token_id", 1, &sp.BOS}, {"eos_token_id", 2, &sp.EOS}, {"unknown_token_id", 0, &unk},
	}
	for _, x := range ids {
		*x.to = -1
		if model == "llama" && int(x.fallback) < v.size() {
			*x.to = x.fallback
		}
		id, ok := md.Uint(ggml + x.key)
		if !ok {
			continue
		}
		if id >= uint64(v.size()) {
			return fmt.Errorf("%s%s: token %d, outside the vocabulary of %d", ggml, x.key, id, v.size())
		}
		*x.to = int32(id)
	}
	if b, ok := md.Bool(ggml + "add_bos_token"); ok && model != "gemma4" {
		addBOS = b // gemma4 always begins with bos, whatever old files say
	}
	if addBOS {
		if sp.BOS < 0 {
			return fmt.Errorf("%sadd_bos_token holds but %sbos_token_id is absent", ggml, ggml)
		}
		sp.Prefix = []int32{sp.BOS}
	}
	if b, ok := md.Bool(ggml + "add_eos_token"); ok && b {
		if sp.EOS < 0 {
			return fmt.Errorf("%sadd_eos_token holds but %seos_token_id is absent", ggml, ggml)
		}
		sp.Suffix = []int32{sp.EOS}
	}
	return nil
}

// ggufMerges resolves "a b" lines; of two for one pair the first stands.
func ggufMerges(md Metadata, v *vocab) ([]mergeRule, error) {
	lines := md.Strings(ggml + "merges")
	if len(lines) == 0 {
		return nil, fmt.Errorf("key %smerges is absent, empty or not an array of strings", ggml)
	}
	r := newResolver(v)
	seen := make(map[uint64]bool)
	for i, line := range lines {
		k := -1
		if line != "" {
			k = strings.IndexByte(line[1:], ' ') + 1
		}
		if k <= 0 {
			return nil, fmt.Errorf("%smerges: line %d, %q, is not two tokens", ggml, i, line)
		}
		rule, err := r.rule([]byte(line[:k]), []byte(line[k+1:]))
		if err != nil {
			return nil, fmt.Errorf("%smerges: line %d: %w", ggml, i, err)
		}
		if key := pairKey(rule.a, rule.b); !seen[key] {
			seen[key] = true
			r.rules = append(r.rules, rule)
		}
	}
	return r.rules, nil
}

// resolver turns merges of texts into merges of tokens.
type resolver struct {
	v     *vocab
	rules []mergeRule
	buf   []byte
}

func newResolver(v *vocab) *resolver { return &resolver{v: v} }

func (r *resolver) rule(a, b []byte) (mergeRule, error) {
	x, okx := r.v.lookupBytes(a)
	y, oky := r.v.lookupBytes(b)
	if !okx || !oky {
		if okx {
			a = b
		}
		return mergeRule{}, fmt.Errorf("merge of %q, which is not in the vocabulary", a)
	}
	r.buf = append(append(r.buf[:0], a...), b...)
	z, ok := r.v.lookupBytes(r.buf)
	if !ok {
		return mergeRule{}, fmt.Errorf("merge of %q and %q: the result is not in the vocabulary", a, b)
	}
	return mergeRule{x, y, z}, nil
}
