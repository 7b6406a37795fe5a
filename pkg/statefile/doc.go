// Package statefile keeps the states of a segment, or those of a whole sequence with its
// ids, in a safetensors file, so that the sequence can be carried from one run to the next.
//
// The file holds one U8 tensor per state, named as the state: the data of a
// backend.StateData, raw positions, or base and rows of a recurrent state. Its metadata say what they belong to: cache
// type, number of positions, the first one that each state still keeps ("from", in
// the order of the tensors), the ids where they are known, the digest of the bundle
// that wrote them, and the SHA-256 of all of this and of the data. A
// state continues only the bundle that made it. A file that does not fit, or whose bytes
// are not those that were written, is refused whole: by Read, or by the backend's Load,
// which then leaves its state as it was.
//
// Start with Write and Read.
package statefile
