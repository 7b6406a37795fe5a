// Package passes rewrites a plain graph, as pkg/model builds it, into what a
// target runs fastest.
//
// The passes are one table, in the order they run, in pipeline.go: reading the
// table is reading the compiler. A pass works on a clone, the clone is
// verified, the properties that passes gave so far are checked (props.go),
// then it is committed; a pass that refuses leaves the graph correct and says
// why. No pass depends on the order of nodes beyond that it is executable.
// Exact passes keep every bit of every value that survives; only
// quantize-activations changes numbers, on purpose.
//
// Main types: Pass, Options, Report. Start with pipeline.go.
//
// A pass is tested by testdata/PASS/CASE.txt: a graph, a line of dashes, the
// graph behind it and the report; go test -update writes the lower half.
//
// Looking inside: Options.Disable, StopAfter, After (a callback with the graph
// after each pass) stand behind --disable, --stop-after and --dump-after.
package passes
