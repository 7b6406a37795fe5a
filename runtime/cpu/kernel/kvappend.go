package kernel

import "fmt"

// KVAppend stores K and V, plain [S, kv heads * dim], at positions Start to
// Start+S-1, which the cache must have reserved. V is not looked at where it is
// part of K. One item per kv head and run of 16 positions.
type KVAppend struct {
	Tier  Tier
	Cache *KVCache
	K, V  Act
	Start int
}

// Prepare checks shapes and room.
func (a *KVAppend) Prepare() error {
	c := a.Cache
	if c == nil {
		return fmt.Errorf("kv append: no cache")
	}
	if err := wantPlain("kv append", "k", &a.K, a.K.S, c.Heads*c.KDim); err != nil {
		return err
	}
	if !c.VOfK {
		if err := wantPlain("kv append", "v", &a.V, a.K.S, c.Heads*c.VDim); err != nil {
			return err
		}
	}
	if end := a.Start + a.K.S; a.Start < 0 || end > c.Max || !c.list.holds(a.Start, end) {
		return fmt.Errorf("kv append: positions %d to %d are not reserved", a.Start, end-1)
	}
	return nil
}

func (a *KVAppend) panels() int { return ceil(a.Start+a.K.S, 16) - a.Start/16 }

// Items is kv heads times panels touched.
func (a *KVAppend) Items() int {
	if a.K.S == 0 {
		return 0
	}
	return a.Cache.Heads * a.panels()
}

// Scratch is two encoded rows.
func (a *KVAppend) Scratch() int { return roundUp(a.Cache.k.row, 64) + roundUp(a.Cache.v.row, 64) }

// Run stores items lo to hi-1.
func (a *KVAppend) Run(lo, hi int, scratch []byte) {
	c := a.Cache
	k, v := scratch[:c.k.row], scratch[roundUp(c.k.row, 64):][:c.v.row]
	n := a.panels()
	vec := vectorTier(a.Tier)
	for i := lo; i < hi; i++ {
		h, first := i/n, (a.Start/16+i%n)*16
		for pos := max(first, a.Start); pos < min(first+16, a.Start+a.K.S); pos++ {
			t := pos - a.Start
			c.k.encode(k, a.K.F[t*a.K.C+h*c.KDim:][:c.KDim], vec)
			if !c.VOfK {
				c.v.encode(v, a.V.F[t*a.V.C+h*c.VDim:][:c.VDim], vec)
			}
			c.store(pos, h, k, v)
		}
	}
}
