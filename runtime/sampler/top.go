package sampler

import (
	"slices"
	"sort"

	"github.com/tessera-llm/tessera/internal/f32"
)

// FromTop picks from the highest logits of a row, ordered by falling logit, then rising id;
// lse is the log-sum-exp of the whole row divided by the temperature (LogSumExp). It reports
// false where they leave the token open: then FromRow makes the same draw from the same row. They decide
//   - with top-k, if they are as many;
//   - with top-p or min-p, if one of the two drops the last of them, or more;
//   - without these, if the draw falls among them.
func (s *Sampler) FromTop(ids []int32, logits []float32, lse float32) (id int32, ok bool) {
	if s.cfg.Greedy() {
		return ids[0], true
	}
	n, all := len(ids), false // all: what lies behind is dropped
	if k := s.cfg.TopK; k > n {
		s.id = -1
		return 0, false
	} else if k > 0 {
		n, all = k, true
	}
	draw := s.draw()
	sc := newScale(s.cfg.Temperature, logits[0])
	if sc.weightless() {
		return ids[0], true
	}
	s.sums = s.sums[:0]
	mass := uint64(0)
	for _, l := range logits[:n] {
		mass += sc.weight(l)
		s.sums = append(s.sums, mass)
	}
	if !all {
		mass = sc.mass(lse)
	}
	if kept, ok := s.keep(sc, logits[:n], mass, all); ok && (all || lse == lse) {
		if i := s.reach(below(kept, draw) + 1); i < n {
			return ids[i], true
		}
		if all {
			return ids[0], true
		}
	}
	s.open, s.id, s.high = true, ids[0], logits[0]
	return 0, false
}

// keep is the weight of what top-p and min-p keep of the highest logits and those behind,
// all of which weigh mass; it reports false where that is not known.
func (s *Sampler) keep(sc scale, logits []float32, mass uint64, all bool) (kept uint64, ok bool) {
	kept, ok = mass, all || !s.cfg.topP() && !s.cfg.minP()
	if s.cfg.topP() {
		if i := s.reach(share(s.cfg.TopP, mass)); i < len(logits) {
			kept, ok = s.sums[i], true
		}
	}
	if s.cfg.minP() {
		logP := f32.Log(s.cfg.MinP)
		i := sort.Search(len(logits), func(i int) bool { return !sc.near(logits[i], logP) })
		if i < len(logits) || all {
			kept, ok = min(kept, s.sums[i-1]), true
		}
	}
	return kept, ok
}

// reach is the first of the highest logits at which the sum of weights is at least want;
// their number when none is.
func (s *Sampler) reach(want uint64) int {
	i, _ := slices.BinarySearch(s.sums, want)
	return i
}
