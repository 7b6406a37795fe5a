// Package model builds the plain graph of a checkpoint: the textbook form of
// its architecture, unfused, over lazy weights.
//
// Build reads the configuration (config.json, or the metadata of a GGUF),
// matches every tensor of the checkpoint with a row of the family's table and
// returns a Model: the verified graph, the canonical Config, the list of
// weights with their source tensors and types, and the tensors left out, with
// the reason.
//
// A family is one short file (llama.go, qwen3.go): the names it goes by, what
// its config means and which rows of the tensor table it has. block.go holds
// the graph that all of them share.
//
// Invariants:
//   - every tensor of the checkpoint is used or listed as ignored; missing and
//     unexpected ones and shapes that contradict the config are errors;
//   - a config value that is not understood is an error that names the key;
//   - sizes are bounded before anything is built from them;
//   - conventions are those of Hugging Face (half rotation). GGUF rows of llama
//     are put back by ir.Unrotate, so both containers of one checkpoint yield
//     the same weight bytes;
//   - ties are resolved here: @token_embd.weight and @output.weight then have
//     one expression.
//
// Start with Build, then family.go and llama.go.
package model
