package ir

// Names of the external inputs: the rows of Externals.
const (
	ExtTokens   = "tokens"
	ExtAdjRow   = "adj_row"
	ExtAdjIDs   = "adj_ids"
	ExtAdjScale = "adj_scale"
	ExtAdjBias  = "adj_bias"
	ExtInvTemp  = "inv_temp"
	ExtMaskRow  = "mask_row"
	ExtMask     = "mask"
)

// External is an input that no segment makes: the caller of the chain does.
type External struct {
	Name string
	Elem Elem
	Rows Dim  // its first dimension
	Bits bool // it has a second one: a bit per id of the vocabulary, in words of 32
	// Optional: it may be left out, and every row is Fill then.
	Optional bool
	Fill     float32
	Doc      string
}

// Externals lists the external inputs in the order a plain graph declares
// them. Nothing else says what they are called, what they look like or what
// stands for one that is left out.
var Externals = []External{
	{Name: ExtTokens, Elem: I32, Rows: S, Doc: "ids of the tokens"},
	{Name: ExtAdjRow, Elem: I32, Rows: A, Optional: true, Doc: "row of the logits that an adjustment is for, ascending"},
	{Name: ExtAdjIDs, Elem: I32, Rows: A, Optional: true, Doc: "id whose logit it changes"},
	{Name: ExtAdjScale, Elem: F32, Rows: A, Optional: true, Doc: "what a logit > 0 is divided by, another multiplied"},
	{Name: ExtAdjBias, Elem: F32, Rows: A, Optional: true, Doc: "what is added then"},
	{Name: ExtInvTemp, Elem: F32, Rows: R, Optional: true, Fill: 1, Doc: "inverse temperature of the second log-sum-exp of a row"},
	{Name: ExtMaskRow, Elem: I32, Rows: M, Optional: true, Doc: "row of the logits that a mask is for, ascending"},
	{Name: ExtMask, Elem: I32, Rows: M, Bits: true, Optional: true, Doc: "bit id%32 of word id/32 says whether the id is allowed"},
}

// ExternalByName returns the row of an external input, or nil.
func ExternalByName(name string) *External {
	for i := range Externals {
		if Externals[i].Name == name {
			return &Externals[i]
		}
	}
	return nil
}

// Type is the type of the input of a model with vocab ids.
func (x *External) Type(vocab int64) Type {
	t := Type{Elem: x.Elem, Shape: Shape{x.Rows}}
	if x.Bits {
		t.Shape = append(t.Shape, Dim((vocab+31)/32))
	}
	return t
}
