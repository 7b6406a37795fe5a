// Package model builds the plain graph of a checkpoint: the textbook form of
// its architecture, unfused, over lazy weights.
//
// Build reads the configuration (config.json, or the metadata of a GGUF),
// matches every tensor of the checkpoint with a row of the family's table and
// returns a Model: the verified graph, the canonical Config, the list of
// weights with their source tensors and types, and the tensors left out, with
// the reason.
//
// A family is one short file (llama.go, qwen3.go) with three things: config
// takes the settings it understands and describes every layer, tensors is the
// table of weights as expressions over the tensors of either container, block
// is the graph of one layer. Families that are alike share functions (preNorm
// in block.go, decoder in decoder.go, decoderRows in rows.go), not flags.
//
// Invariants:
//   - every tensor of the checkpoint is used or listed as ignored; missing and
//     unexpected ones and shapes that contradict the config are errors;
//   - a setting that the family does not take is an error that names it, unless
//     it is idle (idle.go), null or false, or listed in Options.IgnoreKeys; the
//     same for config.json and GGUF (keys.go);
//   - sizes are bounded before anything is built from them;
//   - conventions are those of Hugging Face (half rotation). GGUF rows of llama
//     are put back by the table's expressions, so both containers of one
//     checkpoint yield the same weight bytes;
//   - ties are resolved here: @token_embd.weight and @output.weight then have
//     one expression.
//
// Start with Build, then family.go, llama.go and keys.go.
package model
