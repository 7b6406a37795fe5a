// Package codec is the table of cache codecs: how a device keeps the rows of K
// and of V. A row is one (position, head) vector; it is encoded from itself
// alone, so that neither the call that brought it nor its neighbours can be seen
// in it. K and V have a codec each (Pair); a graph has none.
//
// A codec is one row of the table: its bytes, Encode, Decode and, where it
// rotates, Query and Output. What a device can do faster with it (panels, direct
// kernels) is the device's own row; without one the codec still runs, by
// decoding rows one by one.
//
// Start with ParsePair.
package codec
