// Package backendtest is the one conformance suite of backends. A backend's own
// test calls Run, and has then been shown every op of the op table at the shapes
// where kernels go wrong, the life of states, and what must be an error.
//
// Cases are found by walking the op table: an op without cases fails the suite.
// Each case is a small graph over random weights and inputs. Its whole input runs
// in one call and is judged by runtime/reference; then pieces of it run, at
// starts and of lengths of every residue that tiles know, alone and several in a
// batch, and must give the same rows.
//
// A backend with Budget.Exact is held to bits: every variant (tiers, threads)
// in every piece, and the expansion of every fused op, equals the first variant
// in one call. Any other backend is held to the tolerance everywhere.
//
// Late is a backend for tests of callers: it wraps another one, works behind its
// caller's back and lets a run fail.
//
// Start with run.go, then case.go; ops*.go hold the cases by op, protocol*.go
// what is no op's business.
package backendtest
