// Package safetensors reads and writes safetensors files, single and sharded.
// It knows the container, no model.
//
// Open maps one file, OpenIndex all shards that a model.safetensors.index.json
// names; both return a File, which is a tensor.Source. ReadHeader reads the
// header alone, from any stream. Tensor data are views of the mapping and must
// be read under mmap.Guard; they start at any byte address, since the format
// aligns nothing. Everything else is copied once and never faults.
//
// What Open guarantees, whatever the bytes were: the header is valid UTF-8 JSON
// without duplicate keys; every entry has exactly dtype, shape and
// data_offsets; sizes match shape and type; the data tile the file from the end
// of the header to its last byte, without hole or overlap. OpenIndex adds that
// shards are plain files of the index's folder and hold every tensor mapped to
// them; tensors that a shard holds beyond the map are left out of Tensors, as
// Hugging Face does, and listed by Unmapped.
//
// Entries are decoded by github.com/nlpodyssey/safetensors, whose element types
// and shape and offset rules are used as they are. It sees only what a scan of
// ours has passed, a bounded batch at a time: by itself it keeps the last of
// duplicate keys, builds generic values of any size and depth, and does not know
// the types below 8 bits, the 8-bit floats and C64. Those types, the tiling
// check with names in its errors, order, shards, mapping and streaming writers
// are this package's.
//
// NewWriter and NewShardWriter stream; equal input gives equal bytes.
//
// Start with Open, OpenIndex and Options.
package safetensors
