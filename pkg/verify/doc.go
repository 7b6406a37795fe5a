// Package verify proves that rewrites keep the numbers.
//
// Passes runs a graph on an engine, a backend with a judge, as built and after
// every pass, on the same tokens in several calls, and compares every value that
// two neighbouring graphs have in common, by name. Behind an exact pass not one
// bit may differ, or no more than the judge of a backend without fixed bits allows.
// quantize-activations, the one pass that changes numbers, must have inserted
// quantize_act and nothing else (structure.go), and the logits are held to a
// budget that the run itself measures (bound.go). Everything is held to the
// float64 reference when Options.Reference is set. Tests plant bugs in every
// pass through passes.Options.Mutate and show that each is caught and blamed.
//
// Variants runs one program in other ways that must not matter (threads, prompt
// chunks, decoder parts, company of other sequences) and compares logits bit by bit.
//
// The package reports; cmd prints. Start with passes.go.
package verify
