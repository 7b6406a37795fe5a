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

func (g *group) attend(t testing.TB, tier Tier, out Act, budget int) (*AttentionGroup, Act) {
	a := &AttentionGroup{Tier: tier, Q: g.q, Out: out, Heads: g.c.kvHeads * g.c.g, Window: g.c.window, Scale: 0.125, Spans: g.spans, Budget: budget}
	_ = a.Prepare() // tells what memory it wants
	nan := func(n int) []float32 {
		f := make([]float32, n)
		for i := range f {
			f[i] = float32(math.NaN())
		}
		return f
	}
	a.Partials, a.Stage = nan(a.PartialFloats()), nan(a.StageFloats())
	run(t, a)
	run(t, &AttentionFinish{G: a})
	return a, out
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

// TestAttentionGroupSplits: long caches are split where the budget allows it,
// first come, first served.
func TestAttentionGroupSplits(t *testing.T) {
	g := newGroup(t, attentionCase{kvType: codec.F32, kvHeads: 2, g: 1, d: 32}, [][2]int{{600, 1}, {600, 1}, {10, 1}})
	one := 2 * 3 * partialStride(32)
	for budget, want := range map[int][]bool{one - 1: {false, false, false}, one: {true, false, false}, 2 * one: {true, true, false}} {
		a, _ := g.attend(t, Generic, newAct(t, F32, Plain, 3, g.q.C), budget)
		var got []bool
		for i := range a.members {
			got = append(got, a.members[i].split)
		}
		if !slices.Equal(got, want) {
			t.Errorf("budget of %d floats: split %v, want %v", budget, got, want)
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
