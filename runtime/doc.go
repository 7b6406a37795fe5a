// Package runtime executes bundles: Open, Session, Generate.
//
// A Program is graphs in order, the weights they name and what a user of the
// model needs to know (Meta). Whatever executes is a Program: a bundle on disk
// (Open), a checkpoint converted in memory, a graph before and after a pass
// (pkg/verify). So there is one execution path.
//
// Model binds a Program to a backend. Model.Step appends to many sequences at
// once and is what everything is made of; a Session is one sequence with its state: it
// can be extended, rewound and forked. Generate yields tokens. What a session says does not
// depend on who else is in a step. A Model and its sessions are used by one goroutine; sessions
// whose Host is a scheduler (runtime/scheduler) share the model's steps among many.
//
// Values that cross segments are wired by name: a segment's input is an
// external input (ir.Externals) or the output of an earlier segment.
//
// Everything that is opened can be closed, twice without harm. A constructor that
// closes what it was given together with its result closes it also when it
// fails: New and Open own the program, NewSegment borrows it. Sessions are closed before
// their model, or not at all: the model's memory goes with it, a session's with the
// last reference to it.
//
// The package never imports a container or a model.
//
// Start with program.go, then append.go, step.go and host.go.
package runtime
