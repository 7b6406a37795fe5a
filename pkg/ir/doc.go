// Package ir is the graph that containers build, passes rewrite, segments cut
// and runtimes execute.
//
// A Graph is in SSA form: every Value has one producer, the node order is
// executable, identity is by ValueID. A Value is an activation; a Weight is a
// constant, described by a lazy Expr over tensors of the checkpoint and
// evaluated once, at export; a State is read and updated in place across
// calls (the K and V of a layer, or what a recurrence carries).
//
// Main types: Graph, Node, Value, Weight, Expr, State, Op.
//
// Invariants (Verify checks them, numbered V1...):
//   - ops are rows of the table in ops.go: arity, attributes, shape rule and
//     layout behaviour are data;
//   - a fused op carries Unfused, its definition in simple ops, and has no
//     other definition;
//   - value names are unique and stable: a rewrite that keeps a value keeps its
//     ID and its name, so any tensor can be compared before and after a pass;
//   - Format and Parse are inverses.
//
// Shapes are [S, C], row-major, unless the op says otherwise; S is the number
// of tokens of a call, R the number of rows wanted, A the number of sparse
// logit adjustments, M the number of rows with a mask.
//
// A call runs a batch of spans: tokens of several sequences, one after another
// in S. Positions and wanted rows are the batch's, no values of the graph: rope,
// attention and select_rows take them from there.
//
// Start with ops.go, then graph.go.
package ir
