// Package checkpoint opens a model as it is distributed: a Hugging Face folder,
// a GGUF file or split, or one safetensors file beside its config.json. It adds
// to the tensors what stands beside them, configuration and tokenizer files,
// and leaves their meaning to others.
//
// Open looks at content, never at the ending of a name. What it does not open
// it explains: pickle files, git-lfs pointers, vendor layouts, adapters, a
// single shard. Of several forms in one folder it takes the one that Hugging
// Face loads: model.safetensors, then model.safetensors.index.json, then the
// only other *.safetensors file.
//
// Invariants: every file that contributes is listed by Files; names found in a
// folder never lead out of it (see internal/folder); small files are bounded by
// the limits of this package; config.json and generation_config.json are
// well-formed JSON objects without duplicate keys.
//
// Fingerprint is a fast key for caches, Digest the proof of content. Neither
// depends on where the checkpoint lies.
//
// Start with Open, then Checkpoint.Source and Checkpoint.ConfigJSON.
package checkpoint
