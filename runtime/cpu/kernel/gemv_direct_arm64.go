package kernel

// neonGemvArgs is read by the kernels that stream packed records, by the names of
// its fields.
type neonGemvArgs struct {
	rec     uintptr // panel
	act     uintptr // integers of one token, contiguous
	exp     uintptr
	base    uintptr
	init    uintptr // init, init16 or minpair plane of the token
	c       uintptr // f32 [16], added to
	records int
}

// gemvStream adds panel p for token t to c [16].
func (v *neonScratch) gemvStream(m *Matmul, p, t int, c []float32) {
	w, x := m.W, &m.X
	g, _, _ := x.group(t, 0)
	a := &v.gemvs
	*a = neonGemvArgs{
		rec: addr(&w.Data[p*w.stride]), act: addr(&x.Q[x.off(t, 0)]),
		exp: addr(&x.Exp[g*8]), base: addr(&x.Base[g]), init: x.plane(w.run.Plane, g),
		c: addr(&c[0]), records: w.stride / w.run.Size,
	}
	w.native.stream(a)
}
