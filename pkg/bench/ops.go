package bench

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/tessera-llm/tessera/pkg/codec"
	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/pkg/weights"
	"github.com/tessera-llm/tessera/runtime"
	"github.com/tessera-llm/tessera/runtime/backend"
)

// OpTime is the time of all nodes of one kind in one repetition of a test.
type OpTime struct {
	Kind    string  `json:"kind"` // the op, the types of its matrices, the segment's kind where it is not a decoder
	Calls   float64 `json:"calls"`
	Millis  float64 `json:"ms"`
	Percent float64 `json:"percent"`
	GBs     float64 `json:"gb_per_s,omitempty"` // weights and cache read; 0: says nothing about this op
	GOPS    float64 `json:"gops,omitempty"`     // two per multiply-add; 0: says nothing about this op
}

// opClock sums node times by kind.
type opClock struct {
	kinds map[string]*opSum
	costs map[*ir.Node]*opCost
}

type opSum struct {
	calls int
	took  time.Duration
	bytes float64    // of weights
	kept  [2]float64 // numbers of K and of V in the cache
	ops   float64
}

// opCost is what a node's shapes tell.
type opCost struct {
	kind   string
	bytes  float64 // weights read per call
	perRow float64 // operations per row
	// Attention: operations per query and position, numbers of K and of V per
	// position of the cache, positions seen.
	perPair float64
	kept    [2]float64
	window  int
}

func newOpClock() *opClock {
	return &opClock{kinds: map[string]*opSum{}, costs: map[*ir.Node]*opCost{}}
}

func (c *opClock) reset() { clear(c.kinds) }

func (c *opClock) add(t backend.NodeTime) {
	cost := c.costs[t.Node]
	if cost == nil {
		cost = costOf(t)
		c.costs[t.Node] = cost
	}
	s := c.kinds[cost.kind]
	if s == nil {
		s = &opSum{}
		c.kinds[cost.kind] = s
	}
	s.calls++
	s.took += t.Took
	s.bytes += cost.bytes
	s.ops += cost.perRow * float64(t.Rows)
	for _, span := range t.Spans {
		seen, read := visible(span.Start, span.Rows, cost.window)
		s.ops += cost.perPair * seen
		for i, n := range cost.kept {
			s.kept[i] += n * read
		}
	}
}

// visible is the number of (token, cached position) pairs of a call and the
// number of positions read.
func visible(start, rows, window int) (pairs, read float64) {
	for p := start; p < start+rows; p++ {
		n := p + 1
		if window > 0 {
			n = min(n, window)
		}
		pairs += float64(n)
	}
	read = float64(start + rows)
	if window > 0 {
		read = min(read, float64(window+rows-1))
	}
	return pairs, read
}

func costOf(t backend.NodeTime) *opCost {
	c := &opCost{kind: string(t.Node.Op)}
	var types []string
	for i, name := range t.Node.Weights {
		w := t.Graph.Weight(name)
		if w == nil || len(w.Shape) != 2 {
			continue
		}
		if name := w.Type.String(); !slices.Contains(types, name) {
			types = append(types, name)
		}
		if t.Node.Row().ReadAs(i) == ir.Gather {
			continue // reads rows, not the matrix
		}
		if size, err := weights.Size(w.Expr); err == nil {
			c.bytes += float64(size)
		}
		c.perRow += 2 * float64(w.Shape[0]) * float64(w.Shape[1])
	}
	if len(types) > 0 {
		c.kind += " " + strings.Join(types, "+")
	}
	if t.Segment == "logit" && len(types) > 0 {
		c.kind += " (logit)"
	}
	for _, name := range t.Node.States {
		st := t.Graph.State(name)
		c.perPair = 2 * float64(t.Node.Int("heads")*(st.KDim+st.VDim)) // q·k and e·v
		c.kept = [2]float64{float64(st.Heads * st.KDim), float64(st.Heads * st.VDim)}
		if st.VOfK {
			c.kept[1] = 0
		}
		c.window = int(t.Node.Int("window"))
	}
	return c
}

// times lists the kinds, the slowest first, per repetition.
func (c *opClock) times(m *runtime.Model, reps int) []OpTime {
	var width [2]float64 // bytes of a number
	if kv, err := codec.ParsePair(m.Options().KVType); err == nil {
		for i, c := range []*codec.Codec{kv.K, kv.V} {
			width[i] = float64(c.BlockBytes) / float64(c.Block)
		}
	}
	var all []OpTime
	var total time.Duration
	for _, s := range c.kinds {
		total += s.took
	}
	for kind, s := range c.kinds {
		t := OpTime{Kind: kind, Calls: float64(s.calls) / float64(reps), Millis: s.took.Seconds() * 1e3 / float64(reps), Percent: 100 * float64(s.took) / float64(max(total, 1))}
		sec := max(s.took.Seconds(), 1e-9)
		t.GBs, t.GOPS = (s.bytes+s.kept[0]*width[0]+s.kept[1]*width[1])/sec/1e9, s.ops/sec/1e9
		all = append(all, t)
	}
	slices.SortFunc(all, func(a, b OpTime) int {
		return cmp.Or(cmp.Compare(b.Millis, a.Millis), strings.Compare(a.Kind, b.Kind))
	})
	return all
}
