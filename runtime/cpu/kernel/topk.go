package kernel

import (
	"fmt"
	"math"

	"github.com/tessera-llm/tessera/internal/f32"
)

// TopK finds the K largest logits of each row (higher logit first, then lower
// id, NaN last) and the log-sum-exp of the row, after the adjustments, in
// order, for all rows: l = (l > 0 ? l/scale : l*scale) + bias. The logits are restored before
// Run returns. One item per row.
type TopK struct {
	Tier     Tier
	Logits   Act // plain [R, V]
	K        int
	AdjIDs   []int32
	AdjScale []float32
	AdjBias  []float32
	IDs      []int32   // [R*K]
	Vals     []float32 // [R*K]
	LSE      []float32 // [R]
}

// Prepare checks shapes and ids.
func (o *TopK) Prepare() error {
	l := &o.Logits
	if err := wantPlain("topk", "logits", l, l.S, l.C); err != nil {
		return err
	}
	if o.K < 1 || o.K > l.C {
		return fmt.Errorf("topk: k is %d, want 1 to %d", o.K, l.C)
	}
	if len(o.IDs) != l.S*o.K || len(o.Vals) != l.S*o.K || len(o.LSE) != l.S {
		return fmt.Errorf("topk: room for %d ids, %d values, %d sums, want %d rows of %d", len(o.IDs), len(o.Vals), len(o.LSE), l.S, o.K)
	}
	if len(o.AdjScale) != len(o.AdjIDs) || len(o.AdjBias) != len(o.AdjIDs) {
		return fmt.Errorf("topk: %d adjusted ids, %d scales, %d biases", len(o.AdjIDs), len(o.AdjScale), len(o.AdjBias))
	}
	for i, id := range o.AdjIDs {
		if id < 0 || int(id) >= l.C {
			return fmt.Errorf("topk: adjusted id %d at %d, there are %d logits", id, i, l.C)
		}
	}
	return nil
}

// Items is one per row.
func (o *TopK) Items() int { return o.Logits.S }

// Scratch keeps the adjusted logits.
func (o *TopK) Scratch() int { return roundUp(4*len(o.AdjIDs), 64) }

// Run handles rows lo to hi-1.
func (o *TopK) Run(lo, hi int, scratch []byte) {
	v := o.Logits.C
	saved := slice[float32](scratch, 0, len(o.AdjIDs))
	vec := vectorTier(o.Tier)
	for r := lo; r < hi; r++ {
		row := o.Logits.F[r*v : (r+1)*v]
		for i, id := range o.AdjIDs {
			l := row[id]
			saved[i] = l
			if l > 0 {
				l /= o.AdjScale[i]
			} else {
				l *= o.AdjScale[i]
			}
			row[id] = l + o.AdjBias[i]
		}
		selectTop(o.IDs[r*o.K:(r+1)*o.K], o.Vals[r*o.K:(r+1)*o.K], row, vec)
		o.LSE[r] = logSumExp(row, vec)
		for i := len(saved) - 1; i >= 0; i-- {
			row[o.AdjIDs[i]] = saved[i]
		}
	}
}

// ahead is the order of topk.
func ahead(a float32, i int32, b float32, j int32) bool {
	switch {
	case a > b:
		return true
	case a < b:
		return false
	case a != a && b == b:
		return false
	case a == a && b != b:
		return true
	}
	return i < j
}

// selectTop keeps a heap of the best len(ids) entries with the last of them at
// the root, then sorts it.
func selectTop(ids []int32, vals, row []float32, vec Tier) {
	k := len(ids)
	sink := func(i, n int) {
		for {
			c := 2*i + 1
			if c >= n {
				return
			}
			if c+1 < n && ahead(vals[c], ids[c], vals[c+1], ids[c+1]) {
				c++
			}
			if !ahead(vals[i], ids[i], vals[c], ids[c]) {
				return
			}
			vals[i], vals[c], ids[i], ids[c] = vals[c], vals[i], ids[c], ids[i]
			i = c
		}
	}
	for i := range k {
		ids[i], vals[i] = int32(i), row[i]
	}
	for i := k/2 - 1; i >= 0; i-- {
		sink(i, k)
	}
	for id := k; id < len(row); id++ {
		if vec != Generic && id%16 == 0 { // skip runs without a candidate
			if id += vecFindAbove(vec, row[id:min(len(row), id+vecRun)], vals[0]); id >= len(row) {
				break
			}
		}
		if v := row[id]; v > vals[0] || vals[0] != vals[0] && v == v {
			ids[0], vals[0] = int32(id), v
			sink(0, k)
		}
	}
	for n := k - 1; n > 0; n-- {
		vals[0], vals[n], ids[0], ids[n] = vals[n], vals[0], ids[n], ids[0]
		sink(0, n)
	}
}

// logSumExp is m + log(sum exp(l - m)): 16 lanes by id mod 16, plain adds
// ascending, Tree16.
func logSumExp(row []float32, vec Tier) float32 {
	var l [16]float32
	if vec != Generic {
		m := float32(math.Inf(-1))
		for i := 0; i < len(row); i += vecRun {
			m = max(m, vecMax(vec, row[i:min(len(row), i+vecRun)]))
		}
		for i := 0; i < len(row); i += vecRun {
			vecExpSum(vec, &l, row[i:min(len(row), i+vecRun)], m)
		}
		return m + f32.Log(f32.Tree16(&l))
	}
	m := maxRun(row)
	for i, v := range row {
		l[i&15] += f32.Exp(v - m)
	}
	return m + f32.Log(f32.Tree16(&l))
}

// vecRun bounds one call into assembly, which cannot be preempted; a multiple
// of 16.
const vecRun = 1 << 15

// maxRun is the largest element, from -Inf, NaN ignored.
func maxRun(x []float32) float32 {
	m := float32(math.Inf(-1))
	for _, v := range x {
		if v > m {
			m = v
		}
	}
	return m
}
