// Package verify proves that rewrites keep the numbers.
//
// Passes runs a graph on the cpu backend as built and after every pass, on the
// same tokens in several calls, and compares every value that two neighbouring
// graphs have in common, by name. Behind an exact pass not one bit may differ.
// quantize-activations, the one pass that changes numbers, is held to a bound
// that the run itself measures (see bound.go), and everything is held to the
// float64 reference when Options.Reference is set.
//
// Variants runs one program in other ways that must not matter (threads, prompt
// chunks, decoder parts) and compares logits bit by bit.
//
// The package reports; cmd prints. Start with passes.go.
package verify
