// Package tokenizer turns text into token ids and back, exactly as the
// tokenizer of the checkpoint does.
//
// FromJSON reads a tokenizer.json of the Hugging Face `tokenizers` package,
// FromGGUF the tokenizer keys of a GGUF file. Both are translated to one
// description (spec) and tables, from which build makes the pipeline: added
// tokens, normalisers, pre-tokenizers, model (bpe, spm, unigram), tokens around
// the text, decoder. MarshalBinary writes description and tables in a compact
// form for the bundle; Load reads it back in milliseconds.
//
// Invariants:
//   - nothing is guessed: a normaliser, pre-tokenizer, split pattern, decoder,
//     model or GGUF pre-tokenizer that is not built is an error that names it;
//   - a control token never comes from text unless EncodeOptions.ParseSpecial
//     asks for it;
//   - the three sources of one tokenizer give the same ids;
//   - a StreamDecoder never returns part of a character.
//
// What is not read: truncation and padding (a matter of training), dropout,
// sentence pairs. Where llama.cpp only comes close to the tokenizer of a model
// (o200k, tekken and falcon patterns, NFC of Qwen) the model's own is followed.
//
// Start at Tokenizer.Encode; the split patterns are in internal/split, the
// character classes in internal/uclass.
package tokenizer
