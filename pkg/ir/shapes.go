package ir

import (
	"fmt"
	"math"
	"slices"

	"github.com/tessera-llm/tessera/pkg/tensor"
)

// MaxChannels bounds every fixed dimension of a value.
const MaxChannels = 1 << 28

// f32Rows checks that t is f32 of shape [rows, C] with fixed C and returns C.
func f32Rows(what string, t Type) (int64, error) {
	if t.Elem != F32 {
		return 0, fmt.Errorf("%s is %s, want f32", what, t)
	}
	return fixedRows(what, t)
}

func fixedRows(what string, t Type) (int64, error) {
	if len(t.Shape) != 2 || t.Shape[1] <= 0 || t.Shape[1] > MaxChannels {
		return 0, fmt.Errorf("%s has shape %v, want [rows, channels]", what, t.Shape)
	}
	return int64(t.Shape[1]), nil
}

func i32Vector(what string, t Type) error {
	if t.Elem != I32 || len(t.Shape) != 1 {
		return fmt.Errorf("%s is %s, want an i32 vector", what, t)
	}
	return nil
}

func samePlan(what string, a, b Type) error {
	if a.Shape[0] != b.Shape[0] {
		return fmt.Errorf("%s: %v rows and %v rows", what, a.Shape[0], b.Shape[0])
	}
	return nil
}

// vectorWeight checks that w is a float vector of n elements.
func vectorWeight(w *Weight, n int64) error {
	if !w.Type.Float() || w.Form != Rows || !w.Shape.Equal(tensor.Shape{n}) {
		return fmt.Errorf("weight %s is %s%v, want a float vector [%d]", w.Name, w.Type, w.Shape, n)
	}
	return nil
}

// matrix checks that w is [N, K] and returns both.
func matrix(w *Weight) (n, k int64, err error) {
	if len(w.Shape) != 2 || w.Shape[0] <= 0 || w.Shape[1] <= 0 || w.Shape[0] > MaxChannels || w.Shape[1] > MaxChannels {
		return 0, 0, fmt.Errorf("weight %s has shape %v, want [N, K]", w.Name, w.Shape)
	}
	return w.Shape[0], w.Shape[1], nil
}

func shapeSame(s *Site) ([]Type, error) {
	for _, t := range s.In[1:] {
		if !t.Equal(s.In[0]) {
			return nil, fmt.Errorf("inputs are %s and %s", s.In[0], t)
		}
	}
	if _, err := f32Rows("input", s.In[0]); err != nil {
		return nil, err
	}
	return []Type{s.In[0]}, nil
}

// shapeRelayout takes f32 and i8 rows.
func shapeRelayout(s *Site) ([]Type, error) {
	if s.In[0].Elem != I8 {
		return shapeSame(s)
	}
	if _, err := fixedRows("input", s.In[0]); err != nil {
		return nil, err
	}
	return []Type{s.In[0]}, nil
}

func shapeEmbedding(s *Site) ([]Type, error) {
	if err := i32Vector("ids", s.In[0]); err != nil {
		return nil, err
	}
	_, k, err := matrix(s.Weights[0])
	if err != nil {
		return nil, err
	}
	return []Type{{Elem: F32, Shape: Shape{s.In[0].Shape[0], Dim(k)}}}, nil
}

func checkNorm(s *Site, x Type, w *Weight) error {
	c, err := f32Rows("input", x)
	if err != nil {
		return err
	}
	dim, eps := s.Node.Int("dim"), s.Node.Float("eps")
	if dim <= 0 || c%dim != 0 {
		return fmt.Errorf("dim %d does not divide %d channels", dim, c)
	}
	if !(eps >= 0) || math.IsInf(eps, 0) {
		return fmt.Errorf("eps %v is not a finite number ≥ 0", eps)
	}
	return vectorWeight(w, dim)
}

func shapeRMSNorm(s *Site) ([]Type, error) {
	if err := checkNorm(s, s.In[0], s.Weights[0]); err != nil {
		return nil, err
	}
	return []Type{s.In[0]}, nil
}

func shapeAddRMSNorm(s *Site) ([]Type, error) {
	if !s.In[0].Equal(s.In[1]) {
		return nil, fmt.Errorf("inputs are %s and %s", s.In[0], s.In[1])
	}
	if err := checkNorm(s, s.In[0], s.Weights[0]); err != nil {
		return nil, err
	}
	return []Type{s.In[0], s.In[0]}, nil
}

// matmulInput checks a matmul's input against K and returns its rows.
func matmulInput(t Type, k int64) (Dim, error) {
	if t.Elem != F32 && t.Elem != I8 {
		return 0, fmt.Errorf("input is %s, want f32 or i8", t)
	}
	c, err := fixedRows("input", t)
	if err != nil {
		return 0, err
	}
	if c != k {
		return 0, fmt.Errorf("input has %d channels, the weight K = %d", c, k)
	}
	return t.Shape[0], nil
}

func shapeMatmul(s *Site) ([]Type, error) {
	n, k, err := matrix(s.Weights[0])
	if err != nil {
		return nil, err
	}
	if len(s.Weights[0].Rows) != 1 {
		return nil, fmt.Errorf("weight %s holds members %v, want one (matmul_group has an output for each)", s.Weights[0].Name, s.Weights[0].Rows)
	}
	rows, err := matmulInput(s.In[0], k)
	if err != nil {
		return nil, err
	}
	return []Type{{Elem: F32, Shape: Shape{rows, Dim(n)}}}, nil
}

func shapeMatmulGroup(s *Site) ([]Type, error) {
	members := s.Node.Ints("members")
	var stored []int64
	for _, w := range s.Weights {
		_, k, err := matrix(w)
		if err != nil {
			return nil, err
		}
		if _, err := matmulInput(s.In[0], k); err != nil {
			return nil, fmt.Errorf("weight %s: %w", w.Name, err)
		}
		stored = append(stored, w.Rows...)
	}
	if !slices.Equal(stored, members) {
		return nil, fmt.Errorf("members %v, but the weights hold rows %v", members, stored)
	}
	out := make([]Type, len(members))
	for i, n := range members {
		out[i] = Type{Elem: F32, Shape: Shape{s.In[0].Shape[0], Dim(n)}}
	}
	return out, nil
}

func shapeAddBias(s *Site) ([]Type, error) {
	c, err := f32Rows("input", s.In[0])
	if err != nil {
		return nil, err
	}
	if err := vectorWeight(s.Weights[0], c); err != nil {
		return nil, err
	}
	return []Type{s.In[0]}, nil
}

// tokenRows checks that x has a row per token: what an op that asks the batch
// about its rows can read.
func tokenRows(what string, x Type) error {
	if x.Shape[0] != S {
		return fmt.Errorf("%s has %v rows, want S: the batch says where tokens stand", what, x.Shape[0])
	}
	return nil
}

// checkRope checks one rotated input against the node's attributes.
func checkRope(s *Site, x Type) error {
	c, err := f32Rows("input", x)
	if err != nil {
		return err
	}
	if err := tokenRows("input", x); err != nil {
		return err
	}
	hd, rd := s.Node.Int("head_dim"), s.Node.Int("rotary_dim")
	if hd <= 0 || c%hd != 0 {
		return fmt.Errorf("head_dim %d does not divide %d channels", hd, c)
	}
	if rd <= 0 || rd > hd || rd%2 != 0 {
		return fmt.Errorf("rotary_dim %d, want an even number in 2..%d", rd, hd)
	}
	if a, ok := s.Node.attr("mscale"); ok && (!(a.F > 0) || math.IsInf(a.F, 0)) {
		return fmt.Errorf("mscale %v is not a finite number > 0", a.F)
	}
	return vectorWeight(s.Weights[0], rd/2)
}

func shapeRope(s *Site) ([]Type, error) {
	if err := checkRope(s, s.In[0]); err != nil {
		return nil, err
	}
	return []Type{s.In[0]}, nil
}

func shapeRopeQK(s *Site) ([]Type, error) {
	for _, x := range s.In[:2] {
		if err := checkRope(s, x); err != nil {
			return nil, err
		}
	}
	if len(s.Weights) == 2 {
		return nil, fmt.Errorf("one gamma, want none or one for q and one for k")
	}
	for _, w := range s.Weights[1:] {
		if err := vectorWeight(w, s.Node.Int("head_dim")); err != nil {
			return nil, err
		}
	}
	eps, ok := s.Node.attr("eps")
	if ok != (len(s.Weights) == 3) {
		return nil, fmt.Errorf("eps and gammas come together")
	}
	if !(eps.F >= 0) || math.IsInf(eps.F, 0) {
		return nil, fmt.Errorf("eps %v is not a finite number ≥ 0", eps.F)
	}
	return []Type{s.In[0], s.In[1]}, nil
}

func shapeAttention(s *Site) ([]Type, error) {
	n := s.Node
	h, kv, hd, scale := n.Int("heads"), n.Int("kv_heads"), n.Int("head_dim"), n.Float("scale")
	if h <= 0 || kv <= 0 || hd <= 0 || h > MaxChannels || kv > MaxChannels || hd > 1<<16 || h%kv != 0 {
		return nil, fmt.Errorf("%d heads over %d KV heads of dim %d", h, kv, hd)
	}
	if math.IsNaN(scale) || math.IsInf(scale, 0) {
		return nil, fmt.Errorf("scale %v is not finite", scale)
	}
	if n.Int("window") < 0 {
		return nil, fmt.Errorf("window %d is negative", n.Int("window"))
	}
	st := s.States[0]
	if st.Kind != KV || st.Heads != kv || st.KDim != hd {
		return nil, fmt.Errorf("state %s holds %s, want %d heads of k=%d", st.Name, st.properties(), kv, hd)
	}
	if w := n.Int("window"); st.Window > 0 && (w == 0 || w > st.Window) {
		return nil, fmt.Errorf("state %s keeps the last %d positions, the window is %d", st.Name, st.Window, w)
	}
	switch {
	case len(s.In) == 2 && !st.VOfK:
		return nil, fmt.Errorf("k without v, state %s keeps both", st.Name)
	case len(s.In) == 3 && st.VOfK:
		return nil, fmt.Errorf("k and v, in state %s v is the first %d channels of k", st.Name, st.VDim)
	}
	want := [...]int64{h * hd, kv * hd, kv * st.VDim}
	for i, in := range s.In {
		what := [...]string{"q", "k", "v"}[i]
		c, err := f32Rows(what, in)
		if err != nil {
			return nil, err
		}
		if c != want[i] {
			return nil, fmt.Errorf("%s has %d channels, want %d", what, c, want[i])
		}
		if err := samePlan("q and "+what, s.In[0], in); err != nil {
			return nil, err
		}
	}
	if err := tokenRows("q", s.In[0]); err != nil {
		return nil, err
	}
	return []Type{{Elem: F32, Shape: Shape{s.In[0].Shape[0], Dim(h * st.VDim)}}}, nil
}

func shapeCausalConv(s *Site) ([]Type, error) {
	c, err := f32Rows("input", s.In[0])
	if err != nil {
		return nil, err
	}
	if err := tokenRows("input", s.In[0]); err != nil {
		return nil, err
	}
	w := s.Weights[0]
	if !w.Type.Float() || w.Form != Rows || len(w.Shape) != 2 || w.Shape[0] != c || w.Shape[1] < 2 || w.Shape[1] > MaxChannels/c {
		return nil, fmt.Errorf("weight %s is %s%v %s, want floats [%d, taps] in rows, 2 taps or more", w.Name, w.Type, w.Shape, w.Form, c)
	}
	st, base := s.States[0], (w.Shape[1]-1)*c
	if st.Kind != Recurrent || st.Base != base || st.Row != c {
		return nil, fmt.Errorf("state %s holds %s, want kind=%s base=%d row=%d", st.Name, st.properties(), Recurrent, base, c)
	}
	return []Type{s.In[0]}, nil
}

func shapeSelectRows(s *Site) ([]Type, error) {
	c, err := f32Rows("input", s.In[0])
	if err != nil {
		return nil, err
	}
	if err := tokenRows("input", s.In[0]); err != nil {
		return nil, err
	}
	return []Type{{Elem: F32, Shape: Shape{R, Dim(c)}}}, nil
}

func shapeTopK(s *Site) ([]Type, error) {
	c, err := f32Rows("logits", s.In[0])
	if err != nil {
		return nil, err
	}
	rows := s.In[0].Shape[0]
	a, m := s.In[1].Shape, s.In[6].Shape
	if len(a) == 0 || len(m) == 0 {
		return nil, fmt.Errorf("adj_row is %s, mask_row %s, want vectors", s.In[1], s.In[6])
	}
	words := Dim((c + 31) / 32)
	for i, want := range []Type{
		{Elem: I32, Shape: a[:1]}, {Elem: I32, Shape: a[:1]}, {Elem: F32, Shape: a[:1]}, {Elem: F32, Shape: a[:1]},
		{Elem: F32, Shape: Shape{rows}}, {Elem: I32, Shape: m[:1]}, {Elem: I32, Shape: Shape{m[0], words}},
	} {
		if !s.In[1+i].Equal(want) {
			return nil, fmt.Errorf("%s is %s, want %s", topkInputs[i], s.In[1+i], want)
		}
	}
	k := s.Node.Int("k")
	if k <= 0 || k > c {
		return nil, fmt.Errorf("k = %d of %d logits", k, c)
	}
	return []Type{{Elem: I32, Shape: Shape{rows, Dim(k)}}, {Elem: F32, Shape: Shape{rows, Dim(k)}}, {Elem: F32, Shape: Shape{rows, 1}}, {Elem: F32, Shape: Shape{rows, 1}}}, nil
}

// topkInputs names what topk reads behind the logits.
var topkInputs = [...]string{ExtAdjRow, ExtAdjIDs, ExtAdjScale, ExtAdjBias, ExtInvTemp, ExtMaskRow, ExtMask}

// Schemes lists the known activation quantisations.
var Schemes = []string{"s256e32"}

func shapeQuantizeAct(s *Site) ([]Type, error) {
	t, err := quantisedType(s.In[0], s.Node.Str("scheme"))
	if err != nil {
		return nil, err
	}
	return []Type{t}, nil
}

func shapeGatedAct(s *Site) ([]Type, error) {
	act := s.Node.Str(s.Node.Row().Applies)
	if op := Lookup(OpName(act)); op == nil || !op.Activation {
		return nil, fmt.Errorf("unknown activation %q", act)
	}
	if !s.In[0].Equal(s.In[1]) {
		return nil, fmt.Errorf("inputs are %s and %s", s.In[0], s.In[1])
	}
	if _, err := f32Rows("gate", s.In[0]); err != nil {
		return nil, err
	}
	return []Type{s.In[0]}, nil
}
