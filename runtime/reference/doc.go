// Package reference is the slow, obvious interpreter that defines what a graph
// means: float64 arithmetic, simple ops only, fused ops through their
// definition (ir.Expand), weights decoded to their exact real values.
//
// It judges the CPU and GPU backends by tolerance, never by bits. quantize_act
// is understood as what it is: the activation rounded to the scheme's int8
// grid, so that an engine with the same rounding can be held to a tight bound.
// Options.ExactActivations ignores that rounding instead, which shows what
// activation quantisation costs.
package reference
