package kernel

import (
	"fmt"
	"math"
	"slices"

	"github.com/tessera-llm/tessera/internal/f32"
)

// TopK finds the K largest logits of each row (higher logit first, then lower
// id, NaN last), the log-sum-exp of the row, and that of InvTemp·row, after the
// row's adjustments, in order, l = (l > 0 ? l/scale : l*scale) + bias, and after
// its mask: -Inf where an id has no bit. The logits stay as they are. One item per row.
type TopK struct {
	Tier     Tier
	Logits   Act // plain [R, V]
	K        int
	AdjRow   []int32 // ascending
	AdjIDs   []int32
	AdjScale []float32
	AdjBias  []float32
	InvTemp  []float32 // [R]
	MaskRow  []int32   // strictly ascending
	Mask     []int32   // [len(MaskRow)][ceil(V/32)]
	IDs      []int32   // [R*K]
	Vals     []float32 // [R*K]
	LSE      []float32 // [R]
	LSETemp  []float32 // [R]

	most int // adjustments of a row
}

// Prepare checks shapes, rows and ids.
func (o *TopK) Prepare() error {
	l := &o.Logits
	if err := wantPlain("topk", "logits", l, l.S, l.C); err != nil {
		return err
	}
	if o.K < 1 || o.K > l.C {
		return fmt.Errorf("topk: k is %d, want 1 to %d", o.K, l.C)
	}
	if len(o.IDs) != l.S*o.K || len(o.Vals) != l.S*o.K || len(o.LSE) != l.S || len(o.LSETemp) != l.S || len(o.InvTemp) != l.S {
		return fmt.Errorf("topk: room for %d ids, %d values, %d and %d sums, %d temperatures, want %d rows of %d",
			len(o.IDs), len(o.Vals), len(o.LSE), len(o.LSETemp), len(o.InvTemp), l.S, o.K)
	}
	for r, t := range o.InvTemp {
		if !(t > 0) || t > math.MaxFloat32 {
			return fmt.Errorf("topk: inverse temperature %v of row %d, want a finite number > 0", t, r)
		}
	}
	if err := o.prepareAdjustments(); err != nil {
		return err
	}
	if len(o.Mask) != len(o.MaskRow)*ceil(l.C, 32) {
		return fmt.Errorf("topk: %d masked rows with %d words, want %d each", len(o.MaskRow), len(o.Mask), ceil(l.C, 32))
	}
	for i, r := range o.MaskRow {
		if r < 0 || int(r) >= l.S || i > 0 && r <= o.MaskRow[i-1] {
			return fmt.Errorf("topk: masked row %d at %d, want rising rows of %d", r, i, l.S)
		}
	}
	return nil
}

func (o *TopK) prepareAdjustments() error {
	l := &o.Logits
	n := len(o.AdjIDs)
	if len(o.AdjRow) != n || len(o.AdjScale) != n || len(o.AdjBias) != n {
		return fmt.Errorf("topk: %d adjusted ids, %d rows, %d scales, %d biases", n, len(o.AdjRow), len(o.AdjScale), len(o.AdjBias))
	}
	o.most = 0
	first := 0 // of the row
	for i, id := range o.AdjIDs {
		r, s, b := o.AdjRow[i], o.AdjScale[i], o.AdjBias[i]
		switch {
		case id < 0 || int(id) >= l.C:
			return fmt.Errorf("topk: adjusted id %d at %d is outside 0..%d", id, i, l.C-1)
		case r < 0 || int(r) >= l.S || i > 0 && r < o.AdjRow[i-1]:
			return fmt.Errorf("topk: adjusted row %d at %d, want rising rows of %d", r, i, l.S)
		case !(s > 0) || s > math.MaxFloat32 || b != b:
			return fmt.Errorf("topk: adjustment %d: scale %v (want > 0), bias %v", i, s, b)
		}
		if i > 0 && r != o.AdjRow[i-1] {
			first = i
		}
		o.most = max(o.most, i+1-first)
	}
	return nil
}

// Items is one per row.
func (o *TopK) Items() int { return o.Logits.S }

// Scratch keeps the adjusted logits of a row, or with masks a copy of it.
func (o *TopK) Scratch() int {
	if len(o.MaskRow) > 0 {
		return roundUp(4*max(o.most, o.Logits.C), 64)
	}
	return roundUp(4*o.most, 64)
}

// Run handles rows lo to hi-1.
func (o *TopK) Run(lo, hi int, scratch []byte) {
	v := o.Logits.C
	for r := lo; r < hi; r++ {
		row := o.Logits.F[r*v : (r+1)*v]
		a0, _ := slices.BinarySearch(o.AdjRow, int32(r))
		a1, _ := slices.BinarySearch(o.AdjRow, int32(r+1))
		if m, ok := slices.BinarySearch(o.MaskRow, int32(r)); ok {
			words := ceil(v, 32)
			masked := slice[float32](scratch, 0, v)
			copy(masked, row)
			o.adjust(masked, nil, a0, a1)
			maskRow(masked, o.Mask[m*words:(m+1)*words])
			o.pick(r, masked)
			continue
		}
		saved := slice[float32](scratch, 0, a1-a0)
		o.adjust(row, saved, a0, a1)
		o.pick(r, row)
		for i := a1 - 1; i >= a0; i-- {
			row[o.AdjIDs[i]] = saved[i-a0]
		}
	}
}

// adjust applies adjustments [a0, a1) to row and keeps what was there, when
// saved is not nil.
func (o *TopK) adjust(row, saved []float32, a0, a1 int) {
	for i := a0; i < a1; i++ {
		id := o.AdjIDs[i]
		l := row[id]
		if saved != nil {
			saved[i-a0] = l
		}
		if l > 0 {
			l /= o.AdjScale[i]
		} else {
			l = float32(l * o.AdjScale[i])
		}
		row[id] = l + o.AdjBias[i]
	}
}

// maskRow makes -Inf of every logit without a bit.
func maskRow(row []float32, bits []int32) {
	none := float32(math.Inf(-1))
	for w, b := range bits {
		part := row[32*w : min(32*w+32, len(row))]
		if b == -1 {
			continue
		}
		for i := range part {
			if uint32(b)>>i&1 == 0 {
				part[i] = none
			}
		}
	}
}

// pick writes the outcome of row r.
func (o *TopK) pick(r int, row []float32) {
	vec := vectorTier(o.Tier)
	selectTop(o.IDs[r*o.K:(r+1)*o.K], o.Vals[r*o.K:(r+1)*o.K], row, vec)
	o.LSE[r] = logSumExp(row, vec)
	o.LSETemp[r] = o.LSE[r]
	if t := o.InvTemp[r]; t != 1 {
		o.LSETemp[r] = logSumExpAt(row, t, vec)
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

// logSumExpAt is logSumExp of t·row: products rounded to f32, one run at a time.
func logSumExpAt(row []float32, t float32, vec Tier) float32 {
	var buf [1024]float32
	var l [16]float32
	scaled := func(i int) []float32 {
		part := row[i:min(len(row), i+len(buf))]
		for j, v := range part {
			buf[j] = v * t
		}
		return buf[:len(part)]
	}
	m := float32(maxRun(row) * t) // t > 0: products keep the order
	for i := 0; i < len(row); i += len(buf) {
		part := scaled(i)
		if vec != Generic {
			vecExpSum(vec, &l, part, m)
			continue
		}
		for j, v := range part {
			l[j&15] += f32.Exp(v - m)
		}
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
