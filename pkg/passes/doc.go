// Package passes rewrites a plain graph, as pkg/model builds it, into what a
// target runs fastest.
//
// The passes are one table, in the order they run, in pipeline.go: reading the
// table is reading the compiler. A pass works on a clone, the clone is
// verified, then it is committed; a pass that refuses leaves the graph
// correct and says why. Exact passes keep every bit of every value that
// survives; only quantize-activations changes numbers, on purpose.
//
// Main types: Pass, Options, Report. Start with pipeline.go.
//
// Looking inside: Options.Disable, StopAfter, After (a callback with the graph
// after each pass) stand behind --disable, --stop-after and --dump-after.
package passes
