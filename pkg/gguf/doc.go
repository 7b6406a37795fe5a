// Package gguf reads and writes GGUF files, version 2 and 3, little-endian. It
// knows the container, no model.
//
// Open maps a file (or all shards of a split, given the first), parses the
// header and returns a File, which is a tensor.Source: tensor data are views of
// the mapping, metadata live in one private copy of the header. Strings handed
// out by the getters therefore cost no allocation each, stay valid after Close
// and never fault; only tensor data must be read under mmap.Guard.
//
// What Open guarantees about a File, whatever the bytes were:
//   - keys and tensor names are non-empty, unique, valid UTF-8 and bounded;
//   - every length was checked against the file before anything was allocated;
//   - tensor data start at aligned offsets, follow each other in listing order
//     without holes or overlaps, and end inside the file, as the reference
//     reader demands; bytes behind the last tensor are ignored;
//   - shapes are row-major, [N, K]: the reverse of the stored ne = {K, N};
//   - shards of a split agree on number, count and total, and share no tensor.
//
// Version 1, big-endian files, nested arrays, removed and unknown types are
// refused by name. String values may hold any bytes, as token texts do.
//
// NewWriter streams a file whose metadata and tensor list are declared first;
// NewSplitWriter cuts it into shards. Equal input gives equal bytes.
//
// Start with Open, File.String and its siblings, and Options.
package gguf
