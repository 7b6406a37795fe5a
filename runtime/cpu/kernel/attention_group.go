package kernel

import "fmt"

// AttentionGroup is the attention of a batch: every span attends to its own
// cache, and the spans are one list of work items, so that a batch of short
// spans keeps every worker busy. The numbers of a span are those it has alone.
//
// AttentionFinish must follow: it merges what was split, and where tiles of a c4
// output hold tokens of two spans, it writes them from the stage.
//
// Spans that are split over their caches leave partial results. Where those of
// all spans are more than Budget, the spans run in rounds, one after the other in
// the same memory: in each, AttentionGroup and AttentionFinish run over the spans
// of that round. A span that wants more alone has rounds of its own, of some of its
// chunks each.
type AttentionGroup struct {
	Tier   Tier
	Q, Out Act // of all spans, one after another; as in Attention
	Heads  int
	Window int
	Scale  float32
	Spans  []CacheSpan
	// Budget bounds PartialFloats. A span for which it does not hold two partial
	// results of every query and head is not split over its cache. Neither that nor
	// rounds change a number.
	Budget int

	members  []member
	rounds   []round
	round    int // that runs
	partials int // of the largest round
	staged   bool
	stage    []float32
}

// member is the attention of one span.
type member struct {
	Attention
	row int // of its first query in the batch
	at  int // of its partial results in the memory of its round
}

// round is members [from, to). Chunks, if there are any, are those of the only
// member that are its turn.
type round struct {
	from, to int
	chunks   chunkTurn
}

// Prepare checks shapes, and decides the splits and the rounds. Give must follow.
func (g *AttentionGroup) Prepare() error {
	if err := g.Measure(); err != nil {
		return err
	}
	for i := range g.members {
		if err := g.members[i].held(); err != nil {
			return spanError(g.Spans, i, err)
		}
	}
	return nil
}

// Measure is Prepare for caches that hold nothing and activations without memory: it
// makes Scratch, PartialFloats and StageFloats tell what such a batch takes.
func (g *AttentionGroup) Measure() error {
	rows := spanRows(g.Spans)
	if g.Q.S != rows || g.Out.S != rows {
		return fmt.Errorf("attention: %d queries, %d results, the spans have %d", g.Q.S, g.Out.S, rows)
	}
	if err := wantPlain("attention", "q", &g.Q, rows, g.Q.C); err != nil {
		return err
	}
	g.staged = len(g.Spans) > 1 && g.Out.Layout == C4
	for len(g.members) < len(g.Spans) {
		g.members = append(g.members, member{})
	}
	g.members = g.members[:len(g.Spans)]
	g.rounds, g.round, g.partials = g.rounds[:0], 0, 0
	row, used, from := 0, 0, 0 // from: the first span of the round
	for i := range g.Spans {
		s, m := &g.Spans[i], &g.members[i]
		m.Tier, m.Cache, m.Start, m.Heads, m.Window, m.Scale = g.Tier, s.Cache, s.Start, g.Heads, g.Window, g.Scale
		m.Q, m.row = g.Q.rows(row, s.Rows), row
		switch {
		case g.staged:
			m.Out = Act{Elem: F32, Layout: Plain, S: s.Rows, C: g.Out.C} // Give says where
		case len(g.Spans) > 1:
			m.Out = g.Out.rows(row, s.Rows)
		default:
			m.Out = g.Out
		}
		if err := m.plan(); err != nil {
			return spanError(g.Spans, i, err)
		}
		chunks := g.Budget/max(1, m.slotFloats()) - 1 // beside what is carried
		switch n := m.PartialFloats(); {
		case n > g.Budget && chunks < 1:
			m.split = false
		case n > g.Budget:
			if from < i {
				g.rounds = append(g.rounds, round{from: from, to: i})
			}
			for c := 0; c < m.chunks; c += chunks {
				t := chunkTurn{from: c, to: min(c+chunks, m.chunks), carried: 1, slots: chunks + 1, last: c+chunks >= m.chunks}
				g.rounds = append(g.rounds, round{i, i + 1, t})
			}
			g.partials = max(g.partials, m.slotFloats()*(chunks+1))
			m.at, used, from = 0, 0, i+1
		case used+n > g.Budget:
			g.rounds = append(g.rounds, round{from: from, to: i})
			used, from = 0, i
		}
		if from <= i {
			m.at = used
			used += m.PartialFloats()
			g.partials = max(g.partials, used)
		}
		row += s.Rows
	}
	if from < len(g.Spans) || len(g.rounds) == 0 {
		g.rounds = append(g.rounds, round{from: from, to: len(g.Spans)})
	}
	return nil
}

// PartialFloats is the room for partial results that Give wants, that of the
// largest round; StageFloats the room for staged results, which is not 0 for
// several spans with a c4 output.
func (g *AttentionGroup) PartialFloats() int { return g.partials }

// StageFloats is described at PartialFloats.
func (g *AttentionGroup) StageFloats() int {
	if !g.staged {
		return 0
	}
	return g.Out.S * g.Out.C
}

// Give hands over the memory for partial and staged results, which others may
// use between two runs, and goes to the first round.
func (g *AttentionGroup) Give(partials, stage []float32) error {
	if len(partials) < g.partials || len(stage) < g.StageFloats() {
		return fmt.Errorf("attention: room for %d partial and %d staged floats, want %d and %d", len(partials), len(stage), g.partials, g.StageFloats())
	}
	g.stage = stage
	for i := range g.members {
		m := &g.members[i]
		m.Partials = partials[m.at:g.partials]
		if g.staged {
			m.Out.F = stage[m.row*m.Out.C:][:m.Out.S*m.Out.C]
		}
	}
	g.start(0)
	return nil
}

// start makes i the round that runs.
func (g *AttentionGroup) start(i int) {
	g.round = i
	if r := &g.rounds[i]; r.chunks.to > 0 {
		g.members[r.from].turn = r.chunks
	}
}

// Return gives the memory for partial results back.
func (g *AttentionGroup) Return() {
	for i := range g.members {
		g.members[i].Partials = nil
	}
}

// Rounds is how many there are, valid after Prepare; at least one.
func (g *AttentionGroup) Rounds() int { return len(g.rounds) }

// Next goes to the next round: then this task and AttentionFinish are to run again.
func (g *AttentionGroup) Next() { g.start(g.round + 1) }

// now lists the members of the round that runs.
func (g *AttentionGroup) now() []member {
	r := &g.rounds[g.round]
	return g.members[r.from:r.to]
}

// last reports whether the round that runs is the last one.
func (g *AttentionGroup) last() bool { return g.round == len(g.rounds)-1 }

// Items counts the items of the spans of the round.
func (g *AttentionGroup) Items() int {
	n := 0
	for i, now := 0, g.now(); i < len(now); i++ {
		n += now[i].Items()
	}
	return n
}

// Scratch is the largest of all spans'.
func (g *AttentionGroup) Scratch() int {
	n := 0
	for i := range g.members {
		n = max(n, g.members[i].Scratch())
	}
	return n
}

// Run maps the range to the spans of the round in order.
func (g *AttentionGroup) Run(lo, hi int, scratch []byte) {
	for i, now := 0, g.now(); i < len(now); i++ {
		n := now[i].Items()
		if a, b := max(lo, 0), min(hi, n); a < b {
			now[i].Run(a, b, scratch)
		}
		lo, hi = lo-n, hi-n
	}
}

// Visited sums Attention.Visited over the spans.
func (g *AttentionGroup) Visited() int64 {
	var n int64
	for i := range g.members {
		n += g.members[i].Visited()
	}
	return n
}
