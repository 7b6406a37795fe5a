package sampler

import (
	"slices"
	"sync"

	"github.com/tessera-llm/tessera/runtime/cpu/kernel"
)

// FromRow picks from the logits of a whole vocabulary, in time linear in it; lse is the
// log-sum-exp of row divided by the temperature (LogSumExp), so NaN where the row holds NaN, which
// weigh nothing: then the mass is the sum of the weights. A draw that FromTop has left open
// is made here.
func (s *Sampler) FromRow(row []float32, lse float32) int32 {
	first, b := s.cut(row, lse)
	if s.cfg.Greedy() {
		return first
	}
	draw := s.draw()
	if b == nil {
		return first
	}
	defer b.free()
	want := below(s.kept(b, lse), draw) + 1
	if want > b.total() {
		return first // what the log-sum-exp has more than the weights
	}
	_, at := b.reach(want)
	return at.id
}

// Distribution appends the ids that FromRow may pick to ids, by rising id, and their
// probabilities to p: all but the last bits of the log-sum-exp, which shift those of FromRow
// without top-k and top-p by some 1e-6. It draws nothing.
func (s *Sampler) Distribution(row []float32, lse float32, ids []int32, p []float64) ([]int32, []float64) {
	first, b := s.cut(row, lse)
	if b == nil {
		return append(ids, first), append(p, 1)
	}
	defer b.free()
	in, end := b.reach(min(s.kept(b, lse), b.total()))
	sum := float64(b.upto(in, end))
	for at := 0; at < len(row); at += chunk {
		part := b.row[at:min(at+chunk, len(row))]
		e := b.e[:len(part)]
		kernel.Exp(s.tier, e, part, b.scale.inv, b.scale.m)
		for i, l := range part {
			id, key, weight := int32(at+i), keyOf(l), weigh(e[i])
			if weight > 0 && (key > end.key || key == end.key && id <= end.id) {
				ids, p = append(ids, id), append(p, float64(weight)/sum)
			}
		}
	}
	return ids, p
}

// cut cuts a row into buckets and finds the first id in order; buckets are nil where that
// is the only one to pick.
func (s *Sampler) cut(row []float32, lse float32) (first int32, b *buckets) {
	first, top := s.id, s.high
	if !s.open || first < 0 || int(first) >= len(row) || row[first] != top {
		top = kernel.Max(s.tier, row)
		first = int32(max(slices.Index(row, top), 0)) // 0: nothing but NaN
	}
	if s.cfg.Greedy() {
		return first, nil
	}
	sc := newScale(s.cfg.Temperature, top)
	if sc.weightless() {
		return first, nil
	}
	b = scratch.Get().(*buckets)
	b.cut(s.tier, row, sc, top, lse)
	return first, b
}

// kept is the weight of what the filters keep of a row.
func (s *Sampler) kept(b *buckets, lse float32) uint64 {
	all := b.total()
	if k := s.cfg.TopK; k > 0 && k < len(b.row) {
		all = b.leading(k)
	}
	kept := all
	if s.cfg.TopK == 0 && lse == lse {
		kept = b.scale.mass(lse)
	}
	if s.cfg.topP() {
		if want := share(s.cfg.TopP, kept); want <= all {
			kept = b.upto(b.reach(want))
		} else {
			kept = all
		}
	}
	if s.cfg.minP() {
		kept = min(kept, b.near(s.cfg.MinP))
	}
	return kept
}

// scratch is what FromRow works in: a row's worth of memory for each sampler that is at it,
// not for each sampler.
var scratch = sync.Pool{New: func() any { return new(buckets) }}

func (b *buckets) free() {
	b.row = nil
	scratch.Put(b)
}
