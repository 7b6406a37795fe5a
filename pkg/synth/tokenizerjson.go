package synth

// pretokenizer names the split of text into words in both containers.
type pretokenizer struct {
	gguf    string // tokenizer.ggml.pre
	pattern string // of the Split in tokenizer.json
	bos     bool   // texts start with the begin token
	nfc     bool
	whole   bool // a word that is a token is not merged
}

const (
	llamaPattern = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
	qwenPattern  = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
)

// The splits of the models of the table.
var (
	llamaWords = pretokenizer{gguf: "llama-bpe", pattern: llamaPattern, bos: true, whole: true}
	qwenWords  = pretokenizer{gguf: "qwen2", pattern: qwenPattern, nfc: true}
)

// tokenizerJSON is the vocabulary in the form of the tokenizers library.
func (j *job) tokenizerJSON() []byte {
	pre := j.words
	vocab := make(object, 0, len(j.vocab.tokens))
	var added []object
	for i, s := range j.vocab.tokens {
		if i < j.vocab.id(0) {
			vocab = append(vocab, entry{s, i})
			continue
		}
		added = append(added, object{{"id", i}, {"content", s}, {"single_word", false}, {"lstrip", false}, {"rstrip", false}, {"normalized", false}, {"special", true}})
	}
	var normalizer any
	if pre.nfc {
		normalizer = object{{"type", "NFC"}}
	}
	byteLevel := object{{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", false}}
	post := byteLevel
	if pre.bos {
		bos := j.vocab.special[0]
		token := object{{"SpecialToken", object{{"id", bos}, {"type_id", 0}}}}
		a := object{{"Sequence", object{{"id", "A"}, {"type_id", 0}}}}
		b := object{{"Sequence", object{{"id", "B"}, {"type_id", 1}}}}
		post = object{{"type", "Sequence"}, {"processors", []object{byteLevel, {{"type", "TemplateProcessing"},
			{"single", []object{token, a}}, {"pair", []object{token, a, token, b}},
			{"special_tokens", object{{bos, object{{"id", bos}, {"ids", []int{j.vocab.id(0)}}, {"tokens", []string{bos}}}}}}}}}}
	}
	return append(marshal(object{
		{"version", "1.0"}, {"truncation", nil}, {"padding", nil}, {"added_tokens", added}, {"normalizer", normalizer},
		{"pre_tokenizer", object{{"type", "Sequence"}, {"pretokenizers", []object{
			{{"type", "Split"}, {"pattern", object{{"Regex", pre.pattern}}}, {"behavior", "Isolated"}, {"invert", false}}, byteLevel}}}},
		{"post_processor", post},
		{"decoder", byteLevel},
		{"model", object{{"type", "BPE"}, {"dropout", nil}, {"unk_token", nil}, {"continuing_subword_prefix", nil}, {"end_of_word_suffix", nil},
			{"fuse_unk", false}, {"byte_fallback", false}, {"ignore_merges", pre.whole}, {"vocab", vocab}, {"merges", j.vocab.merges}}},
	}), '\n')
}

func (j *job) tokenizerConfigJSON() []byte {
	return document(object{
		{"tokenizer_class", "PreTrainedTokenizerFast"}, {"bos_token", j.vocab.special[0]}, {"eos_token", j.vocab.special[1]},
		{"pad_token", j.vocab.special[2]}, {"add_bos_token", j.words.bos}, {"clean_up_tokenization_spaces", false},
		{"model_max_length", j.c.ContextLength},
	})
}
