// Package runtime executes bundles: Open, Session, Generate.
//
// A Program is graphs in order, the weights they name and what a user of the
// model needs to know (Meta). Whatever executes is a Program: a bundle on disk
// (Open), a checkpoint converted in memory, a graph before and after a pass
// (pkg/verify). So there is one execution path.
//
// Model binds a Program to a backend; a Session is one sequence with its KV
// state: it can be extended, rewound and forked. Generate yields tokens.
//
// Values that cross segments are wired by name: a segment's input is an
// external input (tokens, positions, rows, adj_ids, adj_scale, adj_bias) or
// the output of an earlier segment.
//
// The package never imports a container or a model.
//
// Start with program.go, then session.go.
package runtime
