// Package convert turns a checkpoint into a program: in memory, or as a bundle
// on disk.
//
// The work is cut in three: the inventory (pkg/checkpoint, headers only), the
// Plan (pure and printable: graphs, passes, cuts, every weight with its type
// and size) and the writing, which decides nothing.
//
// Plan.Program executes a plan without a bundle; Plan.Write makes the bundle.
// Both evaluate the same expressions over the same checkpoint, so both run the
// same bits.
//
// Start with plan.go.
package convert
