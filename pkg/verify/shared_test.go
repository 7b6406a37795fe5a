package verify

import (
	"testing"

	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/pkg/passes"
)

// TestProofSharedStates: what no family of ours has yet passes through every
// pass: layers that read the state of the first one, and a v that is part of k.
func TestProofSharedStates(t *testing.T) {
	for i, c := range []struct{ name, typ, kv string }{
		{"qwen3-bf16-sharded", "", "f32"}, {"qwen2-f32", "", "f16"}, {"llama-f32", "q8_0", "f32"}, {"war-and-peace", "q8_0", "q8_0"},
	} {
		for j, edit := range []func(*ir.Graph){shareStates, partOfK, func(g *ir.Graph) { partOfK(g); shareStates(g) }} {
			if testing.Short() && (i+j)%3 > 0 {
				continue
			}
			s := load(t, c.name, c.typ, 5, 1, 2, 9)
			edit(s.graph)
			if err := ir.Verify(s.graph); err != nil {
				t.Fatal(err)
			}
			cuts, err := passes.CutNames(len(passes.Boundaries(s.graph))-2, 1)
			if err != nil {
				t.Fatal(err)
			}
			s.name, s.cuts = s.name+" "+[]string{"shared", "part of k", "shared, part of k"}[j], cuts
			o := s.options()
			o.KVType, o.Reference = c.kv, true
			prove(t, s, o)
		}
	}
}

func attentions(g *ir.Graph) (all []*ir.Node) {
	for _, n := range g.Nodes {
		if n.Op == ir.OpAttention {
			all = append(all, n)
		}
	}
	return all
}

// shareStates lets every layer read the state of the first.
func shareStates(g *ir.Graph) {
	all := attentions(g)
	for _, n := range all[1:] {
		n.In, n.States = n.In[:1], all[0].States
	}
	g.RemoveDead()
}

// partOfK makes v the channels of k.
func partOfK(g *ir.Graph) {
	for _, n := range attentions(g) {
		n.In = n.In[:2]
		g.State(n.States[0]).VOfK = true
	}
	g.RemoveDead()
}
