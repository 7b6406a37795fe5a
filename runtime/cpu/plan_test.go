package cpu

import (
	"math/rand/v2"
	"testing"

	"github.com/tessera-llm/tessera/pkg/ir"
)

// disjoint fails when two values that live at the same time share memory, or a
// value leaves the arena.
func disjoint(t *testing.T, what string, places []*place, size int) {
	t.Helper()
	for i, p := range places {
		if p.off < 0 || p.off%64 != 0 || p.off+p.size > size {
			t.Fatalf("%s: value %d lies at %d, %d bytes, in an arena of %d", what, i, p.off, p.size, size)
		}
		for _, q := range places[:i] {
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
				places, size, err := planValues(s.Graph, tokens)
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
			}
		}
	}
}
