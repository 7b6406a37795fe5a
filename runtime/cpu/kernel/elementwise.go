package kernel

import (
	"fmt"
	"unsafe"
)

// run of elements per work item of an element-wise op.
const runLen = 4096

// pointwise is the shared part of the element-wise ops: equal shapes and
// layouts, f32.
type pointwise struct{ n int }

func (p *pointwise) prepare(op string, out *Act, in ...*Act) error {
	if out.Elem != F32 {
		return fmt.Errorf("%s: output is %s, want f32", op, out.Elem)
	}
	for _, a := range in {
		if a.Elem != F32 || a.Layout != out.Layout {
			return fmt.Errorf("%s: input is %s %s, want f32 %s as the output", op, a.Elem, a.Layout, out.Layout)
		}
		if err := wantShape(op, "input", a, out.S, out.C); err != nil {
			return err
		}
	}
	p.n = len(out.F)
	return nil
}

// Items is one per 4096 elements.
func (p *pointwise) Items() int { return ceil(p.n, runLen) }

// Scratch is none.
func (p *pointwise) Scratch() int { return 0 }

func (p *pointwise) span(lo, hi int) (int, int) { return lo * runLen, min(hi*runLen, p.n) }

// Add is Out = A + B.
type Add struct {
	Tier      Tier
	A, B, Out Act
	pointwise
}

// Prepare checks shapes.
func (o *Add) Prepare() error { return o.prepare("add", &o.Out, &o.A, &o.B) }

// Run adds a range of elements.
func (o *Add) Run(lo, hi int, _ []byte) {
	i, j := o.span(lo, hi)
	addRun(o.Out.F[i:j], o.A.F[i:j], o.B.F[i:j], vectorTier(o.Tier))
}

// Mul is Out = A * B.
type Mul struct {
	Tier      Tier
	A, B, Out Act
	pointwise
}

// Prepare checks shapes.
func (o *Mul) Prepare() error { return o.prepare("mul", &o.Out, &o.A, &o.B) }

// Run multiplies a range of elements.
func (o *Mul) Run(lo, hi int, _ []byte) {
	i, j := o.span(lo, hi)
	mulRun(o.Out.F[i:j], o.A.F[i:j], o.B.F[i:j], vectorTier(o.Tier))
}

// AddBias is Out[s] = X[s] + Bias, plain. One item per token.
type AddBias struct {
	Tier   Tier
	X, Out Act
	Bias   []float32
}

// Prepare checks shapes.
func (o *AddBias) Prepare() error {
	if err := wantPlain("add_bias", "input", &o.X, o.X.S, o.X.C); err != nil {
		return err
	}
	if len(o.Bias) != o.X.C {
		return fmt.Errorf("add_bias: bias has %d channels, input %d", len(o.Bias), o.X.C)
	}
	return wantPlain("add_bias", "output", &o.Out, o.X.S, o.X.C)
}

// Items is one per token.
func (o *AddBias) Items() int { return o.X.S }

// Scratch is none.
func (o *AddBias) Scratch() int { return 0 }

// Run adds the bias to tokens lo to hi-1.
func (o *AddBias) Run(lo, hi int, _ []byte) {
	c := o.X.C
	for t := lo; t < hi; t++ {
		addRun(o.Out.F[t*c:(t+1)*c], o.X.F[t*c:(t+1)*c], o.Bias, vectorTier(o.Tier))
	}
}

// GatedAct is Out = F(Gate) * Up; Gate and Up are plain, Out is f32, plain or c4,
// or i8, plain or c4: what QuantizeAct would make of the f32, which is never
// written. One item per (tile of four tokens, slab of 256 channels).
type GatedAct struct {
	Tier          Tier
	F             *Activation
	Gate, Up, Out Act
}

// Prepare checks shapes.
func (o *GatedAct) Prepare() error {
	if o.F == nil {
		return fmt.Errorf("gated_act: no activation")
	}
	s, c := o.Gate.S, o.Gate.C
	if err := wantPlain("gated_act", "gate", &o.Gate, s, c); err != nil {
		return err
	}
	if err := wantPlain("gated_act", "up", &o.Up, s, c); err != nil {
		return err
	}
	return wantShape("gated_act", "output", &o.Out, s, c)
}

// Items is tiles times slabs.
func (o *GatedAct) Items() int { return ceil(o.Gate.S, 4) * ceil(o.Gate.C, Slab) }

// gatedScratch is what a worker of GatedAct keeps: a tile of products and a run
// of activated gates. It is no local, since a call of F would move it to the heap.
type gatedScratch struct {
	y   slabTile
	act [Slab]float32
}

// Scratch is a gatedScratch.
func (o *GatedAct) Scratch() int { return int(unsafe.Sizeof(gatedScratch{})) }

// Run computes items lo to hi-1; the slabs of a tile follow each other, as they
// do in memory.
func (o *GatedAct) Run(lo, hi int, scratch []byte) {
	m := (*gatedScratch)(unsafe.Pointer(unsafe.SliceData(scratch[:o.Scratch()])))
	vec := vectorTier(o.Tier)
	slabs := ceil(o.Gate.C, Slab)
	if o.Out.Elem == F32 && lo == 0 {
		o.Out.zeroPads()
	}
	for i := lo; i < hi; i++ {
		if o.Out.Elem == I8 {
			o.quantise(m, i%slabs, i/slabs*4, vec)
		} else {
			o.store(m, i%slabs, i/slabs*4, vec)
		}
	}
}

// store computes slab s of four tokens from t on into an f32 output.
func (o *GatedAct) store(m *gatedScratch, s, t int, vec Tier) {
	c, k := o.Gate.C, s*Slab
	n := min(Slab, c-k)
	for end := min(t+4, o.Gate.S); t < end; t++ {
		g, u := o.Gate.F[t*c+k:][:n], o.Up.F[t*c+k:][:n]
		if o.Out.Layout == Plain || o.Out.S == 1 {
			o.gate(o.Out.F[t*c+k:][:n], g, u, &m.act, vec)
			continue
		}
		buf := m.y[0][:n]
		o.gate(buf, g, u, &m.act, vec)
		if vec != Generic {
			putVec(&o.Out, t, k, buf)
		} else {
			o.Out.putRun(t, k, buf)
		}
	}
}

// quantise computes slab s of four tokens from t on into an i8 output.
func (o *GatedAct) quantise(m *gatedScratch, s, t int, vec Tier) {
	c, k := o.Gate.C, s*Slab
	n := min(Slab, c-k)
	w, _ := tile(o.Out.Layout, o.Out.S)
	for end := min(t+4, o.Gate.S); t < end; t += w {
		for l := range w {
			got := 0
			if t+l < end {
				got = n
				o.gate(m.y[l][:n], o.Gate.F[(t+l)*c+k:][:n], o.Up.F[(t+l)*c+k:][:n], &m.act, vec)
			}
			clear(m.y[l][got:])
		}
		o.Out.quantiseTile(&m.y, s, t/w, vec)
	}
}

// gate is dst = F(g) * u; dst may be u.
func (o *GatedAct) gate(dst, g, u []float32, act *[Slab]float32, vec Tier) {
	if vec != Generic && o.F.mul != nil && o.F.mul(vec, dst, g, u) {
		return
	}
	o.F.run(vec, act[:len(g)], g)
	mulRun(dst, act[:len(g)], u, vec)
}

// SelectRows is Out[i] = X[Rows[i]], plain.
type SelectRows struct {
	X, Out Act
	Rows   []int32
}

// Prepare checks the row numbers.
func (o *SelectRows) Prepare() error {
	if err := wantPlain("select_rows", "input", &o.X, o.X.S, o.X.C); err != nil {
		return err
	}
	for i, r := range o.Rows {
		if r < 0 || int(r) >= o.X.S {
			return fmt.Errorf("select_rows: row %d at %d, the input has %d rows", r, i, o.X.S)
		}
	}
	return wantPlain("select_rows", "output", &o.Out, len(o.Rows), o.X.C)
}

// Items is one per row.
func (o *SelectRows) Items() int { return len(o.Rows) }

// Scratch is none.
func (o *SelectRows) Scratch() int { return 0 }

// Run copies rows lo to hi-1.
func (o *SelectRows) Run(lo, hi int, _ []byte) {
	c := o.X.C
	for i := lo; i < hi; i++ {
		r := int(o.Rows[i])
		copy(o.Out.F[i*c:(i+1)*c], o.X.F[r*c:])
	}
}
