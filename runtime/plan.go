package runtime

import (
	"slices"

	"github.com/tessera-llm/tessera/pkg/ir"
)

// Names of what topk makes and reads in every program.
const (
	logitsName = "logits"
	topIDs     = "topk.ids"
	topLogits  = "topk.logits"
	topLSE     = "topk.lse"
	topLSETemp = "topk.lse_temp"
)

// stepPlan is what a program's graphs say about its steps.
type stepPlan struct {
	// head is the number of segments that see all tokens; those behind work on
	// the wanted rows, and run in blocks of them.
	head int
	// whole: the head holds states, so that it runs once in every step.
	whole bool
	// top is the number of segments without those that only topk needs.
	top    int
	vocab  int // ids that may be appended; 0: nothing tells
	logits int // logits of a row that topk reads; 0: there is no topk
}

// planStep looks at the graphs of p.
func planStep(p *Program) stepPlan {
	n := len(p.Segments)
	s := stepPlan{head: n, top: n}
	for i, seg := range p.Segments {
		if s.head == n && mentionsRows(seg.Graph) {
			s.head = i
		}
		if i >= s.head && len(seg.Graph.States) > 0 {
			s.whole = true
		}
		for _, nd := range seg.Graph.Nodes {
			switch nd.Op {
			case ir.OpEmbedding:
				if seg.Graph.Value(nd.In[0]).Name == ir.ExtTokens {
					s.vocab = int(seg.Graph.Weight(nd.Weights[0]).Shape[0])
				}
			case ir.OpTopK:
				s.logits = int(seg.Graph.Value(nd.In[0]).Channels())
			}
		}
	}
	if p.Segments[n-1].Kind == ir.KindTopK {
		s.top = n - 1
	}
	return s
}

// mentionsRows reports whether a value of g has a row per wanted row.
func mentionsRows(g *ir.Graph) bool {
	return slices.ContainsFunc(g.Values(), func(v *ir.Value) bool { return v.Type.Shape[0] == ir.R })
}
