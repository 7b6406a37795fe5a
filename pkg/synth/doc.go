// Package synth writes checkpoints with the shapes of published models and
// random weights: what benchmarks and tests need of a model when its weights
// do not matter.
//
// WriteGGUF makes a GGUF, in any weight type or mixture, WriteHF a Hugging Face
// folder, in the types of floats.
// Weights are normal numbers scaled so that activations keep their size from
// layer to layer; norm weights are near one. The vocabulary is a byte-level
// BPE of the right size that encodes any text.
//
// Every matrix is drawn in blocks of 256 from a pool that is encoded once per
// type and scale, so a file is written about as fast as memory is copied, with
// memory bounded by the pools.
//
// Invariants:
//   - shape and seed determine every value; values are bf16 numbers. Types and
//     containers of one seed hold the same model: quantising the bf16
//     checkpoint gives the bytes of the quantised one;
//   - the bytes do not depend on platform or number of workers.
//
// Start with Names and WriteGGUF.
package synth
