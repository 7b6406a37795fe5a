package kernel

// neonGemvArgs is read by the kernels that stream packed records, at fixed
// offsets.
type neonGemvArgs struct {
	rec     uintptr // 0: panel
	act     uintptr // 8: integers of one token, contiguous
	exp     uintptr // 16
	base    uintptr // 24
	init    uintptr // 32: init, init16 or minpair plane of the token
	c       uintptr // 40: f32 [16], added to
	records int     // 48
}

//go:noescape
func neonGemvQ8_0(a *neonGemvArgs)

//go:noescape
func neonGemvQ4_0(a *neonGemvArgs)

//go:noescape
func neonGemvQ4_K(a *neonGemvArgs)

//go:noescape
func neonGemvQ6_K(a *neonGemvArgs)

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
