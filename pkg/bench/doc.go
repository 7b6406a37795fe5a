// Package bench measures how fast a model runs, with the tests of llama-bench:
// ppN appends a prompt of N tokens, tgN generates N tokens one by one, both
// optionally behind a cache that holds D tokens already ("pp512 @ d4096"), in one
// session or in many that generate in the same steps.
//
// The cache of a depth is filled once; every repetition rewinds to it, and the
// next depth extends it. One repetition before those that count warms up. All
// calls run all segments that a real call would: pp computes logits for its
// last token, tg for each. Token ids are a fixed pseudo-random walk.
//
// With Options.Ops the time of every op kind is summed as well (ops.go). Nodes
// then run one by one, which costs a little speed.
//
// A test that does not fit the model's context is a Row with an error; the
// others go on.
//
// Ablate (ablate.go) measures what every rewriting pass is worth: the program
// without it beside the full one, in turn.
//
// Startup measures the time from the start of a fresh process to its first
// logits.
//
// Start with Run.
package bench
