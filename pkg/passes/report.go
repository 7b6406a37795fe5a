package passes

import (
	"fmt"
	"strings"
	"time"

	"github.com/tessera-llm/tessera/pkg/ir"
)

// Count is a number of places with a reason: "14 q+k | v, v is q6_k".
type Count struct {
	What string `json:"what"`
	N    int    `json:"n"`
	Why  string `json:"why,omitempty"`
}

// Report says what a pass did and what it refused, and why.
type Report struct {
	Pass     string        `json:"pass"`
	Exact    bool          `json:"exact"`
	Matched  []Count       `json:"matched,omitempty"`
	Refused  []Count       `json:"refused,omitempty"`
	Nodes    [2]int        `json:"nodes"`     // before, after
	Weights  [2]int        `json:"weights"`   // before, after
	Relayout [2]Relayouts  `json:"relayouts"` // before, after
	Time     time.Duration `json:"ns"`
}

func newReport(p *Pass, g *ir.Graph) *Report {
	r := &Report{Pass: p.Name, Exact: p.Exact}
	r.Nodes[0], r.Weights[0], r.Relayout[0] = len(g.Nodes), len(g.Weights), CountRelayouts(g)
	return r
}

func (r *Report) finish(g *ir.Graph, d time.Duration) {
	r.Nodes[1], r.Weights[1], r.Relayout[1], r.Time = len(g.Nodes), len(g.Weights), CountRelayouts(g), d
}

// match counts one rewritten place.
func (r *Report) match(what string) { bump(&r.Matched, what, "") }

// refuse counts one place left as it was.
func (r *Report) refuse(what, why string) { bump(&r.Refused, what, why) }

func bump(list *[]Count, what, why string) {
	for i := range *list {
		if (*list)[i].What == what && (*list)[i].Why == why {
			(*list)[i].N++
			return
		}
	}
	*list = append(*list, Count{What: what, N: 1, Why: why})
}

// Changed reports whether the pass rewrote anything.
func (r *Report) Changed() bool { return len(r.Matched) > 0 }

// String is one line: "gate|up: 28 of 28; ... refused: ...".
func (r *Report) String() string {
	var parts []string
	for _, c := range r.Matched {
		parts = append(parts, fmt.Sprintf("%d %s", c.N, c.What))
	}
	for _, c := range r.Refused {
		parts = append(parts, fmt.Sprintf("left alone: %d %s (%s)", c.N, c.What, c.Why))
	}
	if len(parts) == 0 {
		return "nothing to do"
	}
	return strings.Join(parts, "; ")
}

// Relayouts counts relayout kernels and what they move.
type Relayouts struct {
	Kernels int `json:"kernels"`
	// Bytes per token: read and written.
	Bytes int64 `json:"bytes_per_token"`
}

// CountRelayouts counts the relayout nodes of g.
func CountRelayouts(g *ir.Graph) Relayouts {
	var r Relayouts
	for _, n := range g.Nodes {
		if !isRelayout(n) {
			continue
		}
		v := g.Value(n.Out[0])
		size := int64(4)
		if v.Type.Elem == ir.I8 {
			size = 1
		}
		r.Kernels++
		r.Bytes += 2 * size * v.Channels()
	}
	return r
}
