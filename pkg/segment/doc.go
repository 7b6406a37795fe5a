// Package segment cuts a graph at its boundaries into executable pieces, joins
// pieces again, and re-cuts them elsewhere.
//
//	embed    tokens → hidden
//	decoder  hidden + state → hidden, one or more of them
//	logit    hidden + rows → logits (final norm, lm_head)
//	topk     logits + sparse adjustments → k (id, logit) pairs and the log-sum-exp
//
// Cut expects a graph behind passes.Run: chosen boundaries are still nodes,
// walls that no fusion crossed. Values that cross a cut keep the boundary's
// value names, so segments are wired by name; what crosses may be read by every later
// segment. Cut undoes Join; Join undoes Cut
// up to value numbers and the names of values in front of boundaries.
//
// Where nodes of several layers read one value of a boundary, a re-cut may order
// and name what stands inside a piece otherwise than the direct cut, and quantise or
// group apart what that does once; the pieces are wired alike and give the same bits.
//
// Start with cut.go; recut.go shows how a bundle gets other cuts.
package segment
