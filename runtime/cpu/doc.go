// Package cpu executes graphs on the processor. Its generic Go tier is the
// definition of the bits (docs/numerics.md); every faster tier equals it.
//
// Device compiles a graph into steps: one or more kernel tasks per node, with
// every value at a fixed place of one arena (plan.go). A run views that arena
// for the S at hand, prepares the tasks and lets all workers walk the list
// together (pool.go).
//
// Invariants: parallelism comes from rows, tokens and heads only, so the
// number of threads never shows in the result; runs allocate nothing once
// scratch has reached its size; a weight file truncated while mapped ends the
// run with an error.
//
// Start with device.go, then compile.go.
package cpu
