// Package house holds the rules of the repository as tests: which package may
// import which (the arrows of docs/ARCHITECTURE.md), which modules of others are
// used and where, names, sizes of files, package comments, in how many places a
// row of a table is met outside it (rows_test.go), how much assembly is written by
// hand (assembly_test.go).
//
// A new package needs a row in layers (imports_test.go); a new dependency a row
// in outside and a paragraph in docs/rationale.md.
package house
