package backendtest

import "github.com/tessera-llm/tessera/pkg/ir"

// convCases: every width with few taps, then contexts of several chunks, with more
// taps than a chunk has positions, and of more chunks than a state may keep something of.
func convCases(m *maker) {
	for i, c := range m.widths() {
		m.conv(c, []int64{2, 3, 4, 5, 7, 17}[i%6], rowsFor(c))
	}
	for _, s := range []struct {
		channels, taps int64
		rows           int
	}{{3, 4, 64}, {5, 3, 150}, {130, 4, 200}, {65, 2, 330}, {7, 64, 129}, {2, 65, 200}, {9, 70, 260}, {3, 4, 2200}, {2, 65, 2200}} {
		m.conv(s.channels, s.taps, s.rows)
	}
}

func (m *maker) conv(channels, taps int64, rows int) {
	types := m.floats()
	b := m.begin("%d channels, %d taps, %d positions", channels, taps, rows)
	x := b.input("x", channels)
	w := b.weight("w", types[b.seed%len(types)], ir.Rows, taps, channels)
	b.g.AddState(&ir.State{Name: "conv.0", Kind: ir.Recurrent, Base: (taps - 1) * channels, Row: channels})
	b.c.KV = m.codecs[:1]
	b.extreme = b.seed%5 == 4
	b.apply(ir.Node{In: []ir.ValueID{x}, Weights: []string{w}, States: []string{"conv.0"}}, 1, -1, ir.Plain)
	if rows > 60 {
		b.c.Spans = chunkSpans(rows, b.seed)
	}
	b.end(rows)
}

// chunkSpans begin and end around chunks of 64 positions, the latest first, then
// walk through all in two steps and in small ones.
func chunkSpans(rows, seed int) []Span {
	var list []Span
	for _, start := range []int{257, 193, 192, 191, 129, 128 - seed%2, 127, 66, 65, 64, 63, 61 + seed%3, 2, 1} {
		for _, n := range []int{1 + seed%5, 63 + (seed+start)%4, 130 + seed%7} {
			if start+n <= rows {
				list = append(list, Span{start, n})
			}
		}
	}
	at := min(rows-1, 62+seed%4)
	list = append(list, Span{0, at}, Span{at, rows - at})
	if rows > 1000 {
		return list
	}
	return append(list, spans(rows, seed, false)...)
}
