package cpu

import (
	"math/rand/v2"
	"testing"

	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/runtime/backend"
)

// disjoint fails when two values that live at the same time share memory, unless
// one is written over the other where that ends, or a value leaves the arena.
func disjoint(t *testing.T, what string, places []*place, size int) {
	t.Helper()
	for i, p := range places {
		if p.off < 0 || p.off%64 != 0 || p.off+p.size > size {
			t.Fatalf("%s: value %d lies at %d, %d bytes, in an arena of %d", what, i, p.off, p.size, size)
		}
		for _, q := range places[:i] {
			root := func(p *place) *place {
				if p.over != nil {
					return p.over
				}
				return p
			}
			if root(p) == root(q) && (p.birth == q.death || q.birth == p.death) && p.off == q.off && p.size == q.size {
				continue
			}
			if p.birth <= q.death && q.birth <= p.death && p.off < q.off+q.size && q.off < p.off+p.size {
				t.Fatalf("%s: values alive at [%d, %d] and [%d, %d] share memory", what, p.birth, p.death, q.birth, q.death)
			}
		}
	}
}

// TestFit places random values: no two that live together overlap, and the
// arena is not larger than all of them, nor smaller than the largest sum of
// values alive at one time.
func TestFit(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		nodes := 1 + r.IntN(60)
		var places []*place
		sum := 0
		for range 1 + r.IntN(80) {
			birth := r.IntN(nodes)
			p := &place{birth: birth, death: birth + r.IntN(nodes-birth), size: 64 * r.IntN(40)}
			p.until = p.death
			sum += p.size
			places = append(places, p)
		}
		size := fit(places)
		disjoint(t, "random", places, size)
		for n := range nodes {
			live := 0
			for _, p := range places {
				if p.birth <= n && n <= p.death {
					live += p.size
				}
			}
			if live > size {
				t.Fatalf("seed %d: %d bytes live at node %d in an arena of %d", seed, live, n, size)
			}
		}
		if size > sum {
			t.Fatalf("seed %d: arena of %d for values of %d", seed, size, sum)
		}
	}
}

// TestPlanValues plans real graphs, for calls of several sizes: lives follow
// from the nodes, and values that live together do not overlap.
func TestPlanValues(t *testing.T) {
	for _, p := range testPrograms(t) {
		for _, s := range p.Segments {
			for _, tokens := range []int{1, 5, 512} {
				places, size, err := planValues(s.Graph, backend.Size{Tokens: tokens, Rows: max(1, tokens/8)})
				if err != nil {
					t.Fatal(err)
				}
				birth, death := map[ir.ValueID]int{}, map[ir.ValueID]int{}
				for i, n := range s.Graph.Nodes {
					for _, v := range n.Out {
						birth[v], death[v] = i, i
					}
					for _, v := range n.In {
						death[v] = i
					}
				}
				var inArena []*place
				for id := range places {
					p := &places[id]
					if p.v == nil || p.ext >= 0 {
						continue
					}
					if v := ir.ValueID(id); p.birth != birth[v] || p.death != death[v] {
						t.Errorf("%s lives from %d to %d, the plan says %d to %d", p.v.Name, birth[v], death[v], p.birth, p.death)
					}
					inArena = append(inArena, p)
				}
				disjoint(t, s.Name, inArena, size)
				inPlaceOnly(t, s.Graph, places)
			}
		}
	}
}

// inPlaceOnly fails when a value takes the memory of another that the op
// table (InPlace) does not let it take, or that somebody reads later; and when none does.
func inPlaceOnly(t *testing.T, g *ir.Graph, places []place) {
	t.Helper()
	took := 0
	for ni, n := range g.Nodes {
		for o, v := range n.Out {
			out := &places[v]
			if out.over == nil {
				continue
			}
			took++
			ok := false
			for _, pair := range n.Row().InPlace {
				in := &places[n.In[pair[1]]]
				ok = ok || pair[0] == o && in.ext < 0 && in.off == out.off && in.death == ni
			}
			if !ok {
				t.Errorf("%s of %s lies over a value it may not overwrite", out.v.Name, n.Op)
			}
			for _, x := range n.In { // no other operand of the node is hurt
				if in := &places[x]; in.ext < 0 && in.death >= ni && in.off == out.off && in.size != out.size {
					t.Errorf("%s of %s lies over %s", out.v.Name, n.Op, in.v.Name)
				}
			}
		}
	}
	if took == 0 && len(g.States) > 0 {
		t.Error("nothing of a decoder is written in place")
	}
}

// A value that is read again, read twice by the node, or crosses the graph's
// edge is not written over.
func TestInPlaceRefusals(t *testing.T) {
	g, err := ir.Parse(`graph g
input %0 x f32[S,32]
%1 a f32[S,32] = silu(%0)
%2 b f32[S,32] = mul(%1, %1)
%3 c f32[S,32] = silu(%1)
%4 d f32[S,32] = add(%3, %2)
%5 e f32[S,32] = add(%2, %4)
%6 f f32[S,32] = silu(%5)
output %6
`)
	if err != nil {
		t.Fatal(err)
	}
	places, _, err := planValues(g, size(4))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"c": "a", "d": "a", "e": "b"} // d over c, which lies over a
	for id := range places {
		p := &places[id]
		over := ""
		if p.over != nil {
			over = p.over.v.Name
		}
		if over != want[p.v.Name] {
			t.Errorf("%s is written over %q, want %q", p.v.Name, over, want[p.v.Name])
		}
	}
}
