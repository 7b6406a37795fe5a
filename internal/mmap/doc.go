// Package mmap maps files read-only and turns page faults on them into errors.
//
// Map gives a Mapping whose Data is the whole file; an empty file has empty
// Data. Only regular files are mapped. A Mapping holds no file descriptor.
//
// A mapped file is not a snapshot. Two things can go wrong after Map, and the
// package has one answer to each:
//
//   - The file is truncated, or its device fails: touching a page that is gone
//     raises SIGBUS (an in-page exception on Windows), which kills a Go program
//     by default. Under Guard it becomes a *FaultError that names file and
//     offset. Every reader of mapped bytes runs under Guard, on its own
//     goroutine: the setting behind it belongs to one goroutine, so a worker
//     started inside a guarded function must call Guard itself.
//   - The file is overwritten, or truncated inside its last page: no fault, other
//     bytes. Mapping.Unchanged compares size and modification time; long jobs
//     call it when they are done.
//
// Guard only swallows faults at addresses of live mappings. A nil dereference,
// a read after Close or any other panic goes on as it would without Guard.
//
// Start with Map and Guard.
package mmap
