package model

import "strings"

// idleKeys is the list, shared by all families and both containers, of keys
// that cannot change a number of the model. An entry that ends in a dot stands
// for everything below it in a GGUF; one that begins with "*." for that key of
// any architecture there. A key that some configuration could make the model
// read differently does not belong here: a family takes it, or it is an error.
var idleKeys = []struct{ name, why string }{
	// Where the checkpoint comes from and what wrote it.
	{"_name_or_path", "origin"},
	{"name_or_path", "origin"},
	{"transformers_version", "writer"},
	{"unsloth_version", "writer"},
	{"unsloth_fixed", "writer: the tokenizer was mended"},
	{"transformers.js_config", "another runtime's settings"},
	{"is_llama_config", "note of a converter"},

	// How memory and time are spent.
	{"torch_dtype", "the tensors say their types"},
	{"dtype", "the tensors say their types"},
	{"use_cache", "decoding with or without a cache gives the same logits"},
	{"torchscript", "tracing"},
	{"gradient_checkpointing", "training memory"},
	{"chunk_size_feed_forward", "the feed-forward by pieces of tokens: the same sums"},
	{"pretraining_tp", "matmuls by pieces: the same sums"},
	{"_attn_implementation_autoset", "which kernel computes attention"},
	{"attn_implementation", "which kernel computes attention"},
	{"_attn_implementation", "which kernel computes attention"},

	// Read in training only.
	{"initializer_range", "random weights before training"},
	{"initializer_factor", "random weights before training"},
	{"attention_dropout", "dropout is off when a model runs"},
	{"attn_pdrop", "dropout is off when a model runs"},
	{"embd_pdrop", "dropout is off when a model runs"},
	{"resid_pdrop", "dropout is off when a model runs"},
	{"hidden_dropout", "dropout is off when a model runs"},
	{"hidden_dropout_prob", "dropout is off when a model runs"},
	{"attention_probs_dropout_prob", "dropout is off when a model runs"},
	{"classifier_dropout", "dropout is off when a model runs"},
	{"rope_scaling.finetuned", "whether training went on with the scaling"},
	{"rope_parameters.finetuned", "whether training went on with the scaling"},

	// Other outputs than logits.
	{"output_attentions", "which values a call returns"},
	{"output_hidden_states", "which values a call returns"},
	{"return_dict", "shape of a Python object"},
	{"use_return_dict", "shape of a Python object"},
	{"id2label", "names of a classifier's outputs"},
	{"label2id", "names of a classifier's outputs"},
	{"problem_type", "a classifier's loss"},
	{"task_specific_params", "defaults of pipelines"},
	{"finetuning_task", "note on training"},
	{"pruned_heads", "heads removed before saving: the tensors say their shapes"},

	// Tokens and text: read by pkg/convert, pkg/tokenizer and pkg/chat.
	{"bos_token_id", "text"}, {"eos_token_id", "text"}, {"pad_token_id", "text"}, {"sep_token_id", "text"},
	{"unk_token_id", "text"}, {"mask_token_id", "text"}, {"cls_token_id", "text"}, {"decoder_start_token_id", "text"},
	{"tokenizer_class", "text"}, {"prefix", "text put before a prompt by pipelines"},
	{"max_sequence_length", "an older name of the context length, which max_position_embeddings states"},

	// Sampling defaults of old configs; generation_config.json has them now.
	{"do_sample", "sampling"}, {"temperature", "sampling"}, {"top_k", "sampling"}, {"top_p", "sampling"}, {"typical_p", "sampling"},
	{"max_length", "sampling"}, {"min_length", "sampling"}, {"max_new_tokens", "sampling"}, {"early_stopping", "sampling"},
	{"num_beams", "sampling"}, {"num_beam_groups", "sampling"}, {"diversity_penalty", "sampling"}, {"length_penalty", "sampling"},
	{"repetition_penalty", "sampling"}, {"encoder_no_repeat_ngram_size", "sampling"}, {"no_repeat_ngram_size", "sampling"},
	{"num_return_sequences", "sampling"}, {"output_scores", "sampling"}, {"return_dict_in_generate", "sampling"},
	{"remove_invalid_values", "sampling"}, {"exponential_decay_length_penalty", "sampling"}, {"bad_words_ids", "sampling"},
	{"forced_bos_token_id", "sampling"}, {"forced_eos_token_id", "sampling"}, {"suppress_tokens", "sampling"}, {"begin_suppress_tokens", "sampling"},

	// Name spaces of a GGUF that describe the file, the text or its making.
	{"general.", "description of the file"},
	{"tokenizer.", "text: read by pkg/tokenizer"},
	{"split.", "shards: read by pkg/gguf"},
	{"quantize.", "how the file was quantised"},
	{"mradermacher.", "who quantised the file"},
	{"*.tensor_data_layout", "note of a converter"},
	{"*.rope.scaling.finetuned", "whether training went on with the scaling"},
}

// idle is the reason for which a key, named in full, may be left over; "" when
// it may not. Name spaces are those of a GGUF: the keys of a config.json have
// none, whatever dots they hold.
func idle(name string, gguf bool) string {
	for _, e := range idleKeys {
		tail, anyArch := strings.CutPrefix(e.name, "*")
		switch {
		case name == e.name,
			gguf && strings.HasSuffix(e.name, ".") && strings.HasPrefix(name, e.name),
			gguf && anyArch && strings.HasSuffix(name, tail):
			return e.why
		}
	}
	return ""
}

// unsupported says more about keys that no family understands yet.
var unsupported = map[string]string{
	"quantization_config": "quantised Hugging Face checkpoints are not supported, want plain f32, f16 or bf16 weights",
	"quantization":        "checkpoints quantised by MLX are not supported, want plain f32, f16 or bf16 weights",
	"auto_map":            "the checkpoint brings code of its own, which is never run",
}
