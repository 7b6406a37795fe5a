package kernel

import "fmt"

// CacheSpan is what kernels know of a span of a batch: its cache, the position
// of its first token and the number of its tokens.
type CacheSpan struct {
	Cache       *KVCache
	Start, Rows int
}

func spanRows(spans []CacheSpan) int {
	n := 0
	for i := range spans {
		n += spans[i].Rows
	}
	return n
}

// spanError names the span of a batch of several.
func spanError(spans []CacheSpan, i int, err error) error {
	if len(spans) == 1 {
		return err
	}
	return fmt.Errorf("span %d: %w", i, err)
}

// KVAppendGroup is the KVAppend of every span of a batch as one task. K and V
// are plain, the spans' rows one after another; V is not looked at where caches
// hold it as part of K.
type KVAppendGroup struct {
	Tier  Tier
	K, V  Act
	Spans []CacheSpan

	members []KVAppend
	items   int
}

// Prepare prepares every span.
func (g *KVAppendGroup) Prepare() error {
	rows := spanRows(g.Spans)
	if err := wantPlain("kv append", "k", &g.K, rows, g.K.C); err != nil {
		return err
	}
	g.items = 0
	g.members = g.members[:0]
	row := 0
	for i := range g.Spans {
		s := &g.Spans[i]
		g.members = append(g.members, KVAppend{Tier: g.Tier, Cache: s.Cache, Start: s.Start, K: g.K.rows(row, s.Rows)})
		m := &g.members[i]
		if s.Cache != nil && !s.Cache.VOfK {
			if err := wantPlain("kv append", "v", &g.V, rows, g.V.C); err != nil {
				return err
			}
			m.V = g.V.rows(row, s.Rows)
		}
		if err := m.Prepare(); err != nil {
			return spanError(g.Spans, i, err)
		}
		g.items += m.Items()
		row += s.Rows
	}
	return nil
}

// Items counts the items of all spans.
func (g *KVAppendGroup) Items() int { return g.items }

// Scratch is the largest of the spans'.
func (g *KVAppendGroup) Scratch() int {
	n := 0
	for i := range g.members {
		n = max(n, g.members[i].Scratch())
	}
	return n
}

// Run maps the range to the spans in order.
func (g *KVAppendGroup) Run(lo, hi int, scratch []byte) {
	for i := range g.members {
		n := g.members[i].Items()
		if a, b := max(lo, 0), min(hi, n); a < b {
			g.members[i].Run(a, b, scratch)
		}
		lo, hi = lo-n, hi-n
	}
}
