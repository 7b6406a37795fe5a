package kernel

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/tessera-llm/tessera/pkg/codec"
)

// group is a batch of spans of one layer: several caches, queries one after
// another.
type group struct {
	c     attentionCase // kvType, kvHeads, g, d, window
	spans []CacheSpan
	q     Act
}

// newGroup makes caches that hold start+rows positions each.
func newGroup(t testing.TB, c attentionCase, spans [][2]int) *group {
	g := &group{c: c}
	rows := 0
	for i, s := range spans {
		cache := filled(t, c, s[0]+s[1])
		if i > 0 { // other numbers than the first
			w := c.kvHeads * c.d
			r := rng(uint64(100 + i))
			for p := 0; p < s[0]+s[1]; p += 64 {
				n := min(64, s[0]+s[1]-p)
				run(t, &KVAppend{Cache: cache, Start: p, K: FromF32(gauss(r, n*w), n, w), V: FromF32(gauss(r, n*w), n, w)})
			}
		}
		g.spans = append(g.spans, CacheSpan{Cache: cache, Start: s[0], Rows: s[1]})
		rows += s[1]
	}
	g.q = plainAct(t, rng(7), rows, c.kvHeads*c.g*c.d)
	return g
}

// attend runs all rounds in poisoned memory that has just the room it must have.
func (g *group) attend(t testing.TB, tier Tier, out Act, budget int) (*AttentionGroup, Act) {
	a := &AttentionGroup{Tier: tier, Q: g.q, Out: out, Heads: g.c.kvHeads * g.c.g, Window: g.c.window, Scale: 0.125, Spans: g.spans, Budget: budget}
	if err := a.Prepare(); err != nil {
		t.Fatal(err)
	}
	partials, stage := make([]float32, a.PartialFloats()), make([]float32, a.StageFloats())
	poison(stage)
	if err := a.Give(partials, stage); err != nil {
		t.Fatal(err)
	}
	finish := &AttentionFinish{G: a}
	if err := finish.Prepare(); err != nil {
		t.Fatal(err)
	}
	for i := range a.Rounds() {
		if i > 0 {
			a.Next()
		}
		if a.rounds[i].chunks.from == 0 { // nothing is carried into it
			poison(partials)
		}
		runItems(a)
		runItems(finish)
	}
	return a, out
}

func poison(f []float32) {
	for i := range f {
		f[i] = float32(math.NaN())
	}
}

var groupSpans = [][][2]int{
	{{0, 1}},
	{{300, 5}},
	{{0, 1}, {255, 1}, {256, 1}, {700, 1}, {31, 1}},
	{{600, 2}, {0, 7}, {513, 1}, {250, 30}, {520, 3}, {9, 2}},
	{{0, 40}, {1000, 1}},
	{{512, 1}, {100, 16}, {511, 4}},
}

// TestAttentionGroup: the rows of a span are, bit by bit, those it has alone,
// in every output, on every tier, split or not.
func TestAttentionGroup(t *testing.T) {
	for _, c := range []attentionCase{
		{kvType: codec.F16, kvHeads: 2, g: 4, d: 64},
		{kvType: codec.F32, kvHeads: 1, g: 3, d: 20},
		{kvType: codec.Q8_0, kvHeads: 3, g: 2, d: 96, window: 270},
		{kvType: codec.F16, kvHeads: 5, g: 4, d: 32},
	} {
		for _, spans := range groupSpans {
			g := newGroup(t, c, spans)
			w := g.q.C
			want := newAct(t, F32, Plain, g.q.S, w)
			row := 0
			for _, s := range g.spans {
				one := c
				one.start, one.s = s.Start, s.Rows
				alone := attend(t, Generic, one, s.Cache, g.q.rows(row, s.Rows), Plain)
				copy(want.F[row*w:], alone.F[:s.Rows*w])
				row += s.Rows
			}
			for _, tier := range Available() {
				for _, budget := range []int{0, 40000, 1 << 30} {
					for _, l := range []Layout{Plain, C4} {
						what := fmt.Sprintf("%+v %v %s %s budget %d", c, spans, tier, l, budget)
						a, out := g.attend(t, tier, newAct(t, F32, l, g.q.S, w), budget)
						sameBits(t, what, &out, &want)
						if l == C4 {
							padsAreZero(t, what, &out)
						}
						if a.PartialFloats() > budget {
							t.Fatalf("%s: %d partial floats", what, a.PartialFloats())
						}
						_, out = g.attend(t, tier, newAct(t, I8, l, g.q.S, w), budget)
						sameI8(t, what, out, quantised(t, want, l))
					}
				}
			}
		}
	}
}

// TestAttentionGroupRounds: spans that are split share the budget in rounds; one
// that does not fit by itself has several of its own, or is not split where there
// is no room for one chunk beside what is carried; no round holds more than the
// budget.
func TestAttentionGroupRounds(t *testing.T) {
	c := attentionCase{kvType: codec.F16, kvHeads: 2, g: 2, d: 32}
	g := newGroup(t, c, [][2]int{{600, 1}, {600, 2}, {10, 1}, {300, 1}, {0, 30}, {1000, 1}})
	// Partial results of one query in one chunk; the spans want 3, 6, 0, 2, 0, 4.
	one := 4 * partialStride(32)
	all, _ := g.attend(t, Generic, newAct(t, F32, Plain, g.q.S, g.q.C), 1<<30)
	if all.Rounds() != 1 || all.PartialFloats() != 15*one {
		t.Fatalf("with all room: %d rounds, %d floats, want 1 and %d", all.Rounds(), all.PartialFloats(), 15*one)
	}
	for _, w := range []struct {
		budget, floats int
		ends           []int // the span behind a round
		split          int
	}{
		{0, 0, []int{6}, 0},
		{2*one - 1, 0, []int{6}, 0},
		{2 * one, 2 * one, []int{1, 1, 1, 5, 6, 6, 6, 6}, 3},
		{3*one - 1, 2 * one, []int{1, 1, 1, 5, 6, 6, 6, 6}, 3},
		{3 * one, 3 * one, []int{3, 5, 6, 6}, 3},
		{4 * one, 4 * one, []int{1, 2, 2, 2, 5, 6}, 4},
		{6 * one, 6 * one, []int{1, 3, 6}, 4},
		{8 * one, 8 * one, []int{1, 5, 6}, 4},
		{9 * one, 9 * one, []int{3, 6}, 4},
		{14 * one, 11 * one, []int{5, 6}, 4},
		{15 * one, 15 * one, []int{6}, 4},
	} {
		for _, tier := range Available() {
			for _, l := range []Layout{Plain, C4} {
				what := fmt.Sprintf("%s %s, a budget of %d", tier, l, w.budget)
				a, out := g.attend(t, tier, newAct(t, F32, l, g.q.S, g.q.C), w.budget)
				split := 0
				for i := range a.members {
					if a.members[i].split {
						split++
					}
				}
				var ends []int
				for _, r := range a.rounds {
					ends = append(ends, r.to)
				}
				if !slices.Equal(ends, w.ends) || a.PartialFloats() != w.floats || split != w.split {
					t.Errorf("%s: rounds end at %v, %d floats, %d spans split, want %v, %d, %d", what, ends, a.PartialFloats(), split, w.ends, w.floats, w.split)
				}
				sameBits(t, what, &out, &all.Out)
				_, out = g.attend(t, tier, newAct(t, I8, l, g.q.S, g.q.C), w.budget)
				sameI8(t, what, out, quantised(t, all.Out, l))
			}
		}
	}
}

// TestAttentionTurns: a span of any number of chunks that goes through them in turns of
// any length, the last one shorter or not, from the start or behind a window, has the
// numbers it has with all room.
func TestAttentionTurns(t *testing.T) {
	for _, c := range []attentionCase{
		{kvType: codec.F32, kvHeads: 1, g: 3, d: 20},
		{kvType: codec.F16, kvHeads: 2, g: 4, d: 64},
		{kvType: codec.Q8_0, kvHeads: 3, g: 2, d: 96, window: 1200},
	} {
		for chunks := 2; chunks <= 8; chunks++ {
			for _, rows := range []int{1, 3, SplitRows} {
				g := newGroup(t, c, [][2]int{{chunks*Chunk - rows - 5, rows}})
				one := rows * c.kvHeads * c.g * partialStride(c.d)
				for _, tier := range Available() {
					_, want := g.attend(t, tier, newAct(t, F32, Plain, rows, g.q.C), 1<<30)
					for slots := 2; slots <= chunks+1; slots++ {
						what := fmt.Sprintf("%+v %s, %d queries over %d chunks, room for %d", c, tier, rows, chunks, slots)
						a, out := g.attend(t, tier, newAct(t, F32, C4, rows, g.q.C), slots*one)
						sameBits(t, what, &out, &want)
						if a.PartialFloats() > slots*one {
							t.Fatalf("%s: %d partial floats, room for %d", what, a.PartialFloats(), slots*one)
						}
					}
				}
			}
		}
	}
}

// TestKVAppendGroup stores what a KVAppend per span stores.
func TestKVAppendGroup(t *testing.T) {
	for _, typ := range codec.All() {
		c := attentionCase{kvType: typ, kvHeads: 2, g: 1, d: 64}
		a, b := newGroup(t, c, groupSpans[3]), newGroup(t, c, groupSpans[3])
		w := c.kvHeads * c.d
		rows := spanRows(a.spans)
		k, v := plainAct(t, rng(1), rows, w), plainAct(t, rng(2), rows, w)
		run(t, &KVAppendGroup{K: k, V: v, Spans: a.spans})
		row := 0
		for i, s := range b.spans {
			run(t, &KVAppend{Cache: s.Cache, Start: s.Start, K: k.rows(row, s.Rows), V: v.rows(row, s.Rows)})
			row += s.Rows
			n := s.Start + s.Rows
			a.spans[i].Cache.SetLen(n)
			s.Cache.SetLen(n)
			got, _ := a.spans[i].Cache.Save(nil)
			if want, _ := s.Cache.Save(nil); !slices.Equal(got, want) {
				t.Errorf("%s: span %d differs", typ, i)
			}
		}
	}
}
