// Package house holds the rules of the repository as tests: which package may
// import which (the arrows of docs/ARCHITECTURE.md), which modules of others are
// used and where, names, sizes of files, package comments.
//
// A new package needs a row in layers (imports_test.go); a new dependency a row
// in outside and a paragraph in docs/rationale.md.
package house
