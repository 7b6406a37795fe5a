// Package format is the bundle on disk.
//
//	manifest.json   version, required features, source, workflow, the weight index, digests of all files
//	embed.seg       one protobuf graph per segment (tesserapb): embed, decoder-0..., logit, topk
//	embed.bin       one weight file per segment that has weights; tensors on 64 bytes, files padded to 16 KiB
//	shared.bin      weights that several segments read, as a tied embedding
//	tokenizer.bin   and other files that the writer was given (generation_config.json, templates)
//
// Create writes a bundle beside its place, syncs it and renames it; what a
// killed writer leaves has no manifest and does not open. Open believes
// nothing: names, sizes, offsets and graphs are checked before they are used,
// weights are mapped and never copied. docs/format.md is the specification.
//
// The same content gives the same bytes: no time, no path, no map order.
//
// Start with manifest.go, then write.go and open.go.
package format
