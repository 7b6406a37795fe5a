//go:build fakerows

package ir

// OpFake is an op that no model has. With the tag it shows that an op is one row,
// one shape rule, one reference case and one kernel: as an activation it fuses
// into gated_act, is laid out, quantised behind, verified and run by what its row
// says.
const OpFake OpName = "fake_softsign"

func init() {
	register(Op{Name: OpFake, Doc: "y = x / (1 + |x|)", In: 1, Activation: true, InPlace: [][2]int{{0, 0}}, Shape: shapeSame, RowWise: true})
}
