package kernel

import (
	"fmt"
	"runtime"
	"sync/atomic"

	"github.com/tessera-llm/tessera/pkg/pack"
)

// Matmul is Out = X · Wᵀ. X is f32 or i8, plain or c4, [S, K]; Out holds one
// plain f32 activation [S, rows] per member of W.
//
// A work item is a few panels of 16 rows with all tokens, or with as many as
// keep the activations in the second cache (a pass); items of one pass follow
// each other. Passes within an item read its panels again, which are in a cache then.
type Matmul struct {
	Tier Tier
	W    *Weight
	X    Act
	Out  []Act

	run     matmulFunc
	unit    int // panels per item
	tokens  int // tokens per pass
	stride  int // distance of the panel numbers of two passes
	scratch int
	inner   int // passes over the panels of an item
	read    atomic.Int64
}

// matmulFunc computes panels [p0, p1). For a kernel with several passes over
// the tokens the panels of pass i are numbered from i*m.stride on.
type matmulFunc func(m *Matmul, p0, p1 int, scratch []byte)

// matmulImpl is what the kernel table holds for a matmul.
type matmulImpl struct {
	run     matmulFunc
	unit    func(m *Matmul) int // panels of an item
	scratch func(m *Matmul) int
	pass    func(m *Matmul) int // tokens of one pass over the weights
	inner   func(m *Matmul) int // passes that an item makes over its panels
}

var genericMatmul = [...]matmulImpl{
	F32: {matmulFloatGeneric, oneUnit, func(*Matmul) int { return genericScratchBytes }, allTokens, onePass},
	I8:  {matmulQuantGeneric, oneUnit, func(*Matmul) int { return genericScratchBytes }, allTokens, onePass},
}

func oneUnit(*Matmul) int { return 1 }

// allTokens is the pass of a kernel that makes its own within an item.
func allTokens(m *Matmul) int { return max(1, m.X.S) }

func onePass(*Matmul) int { return 1 }

// innerPasses is the passes of an item that handles n tokens at a time, and those of a
// plain activation one by one.
func (m *Matmul) innerPasses(n int) int {
	if m.X.Layout == Plain {
		n = 1
	}
	return ceil(max(1, m.X.S), n)
}

// plainPasses is the passes of an item of a kernel that takes only plain tokens one by one.
func plainPasses(m *Matmul) int { return m.innerPasses(max(1, m.X.S)) }

// Prepare checks shapes and picks the kernel.
func (m *Matmul) Prepare() error {
	if m.W == nil {
		return fmt.Errorf("matmul: no weight")
	}
	if m.X.C != m.W.K {
		return fmt.Errorf("matmul: input has %d channels, weight has %d", m.X.C, m.W.K)
	}
	if len(m.Out) != len(m.W.Rows) {
		return fmt.Errorf("matmul: %d outputs for a weight of %d members", len(m.Out), len(m.W.Rows))
	}
	for i := range m.Out {
		if err := wantPlain("matmul", "output", &m.Out[i], m.X.S, int(m.W.Rows[i])); err != nil {
			return err
		}
	}
	row, err := Lookup(Key{m.W.Type, m.W.Form, m.X.Elem, m.X.Layout}, m.Tier)
	if err != nil {
		return err
	}
	impl := row.impl
	m.tokens = impl.pass(m)
	m.run, m.unit, m.scratch = impl.run, impl.unit(m), impl.scratch(m)
	m.stride = roundUp(m.W.panels, m.unit)
	m.inner = impl.inner(m)
	return nil
}

// Items is the number of panel groups.
func (m *Matmul) Items() int {
	if m.X.S == 0 {
		return 0
	}
	return ceil(m.W.panels, m.unit) * ceil(m.X.S, m.tokens)
}

// Scratch is the room for one expanded slab.
func (m *Matmul) Scratch() int { return m.scratch }

// Run computes panel groups lo to hi-1.
func (m *Matmul) Run(lo, hi int, scratch []byte) {
	groups := m.stride / m.unit
	for lo < hi {
		pass := lo / groups
		end := min(hi, (pass+1)*groups)
		p0, p1 := lo*m.unit, pass*m.stride+min((end-pass*groups)*m.unit, m.W.panels)
		m.run(m, p0, p1, scratch)
		m.read.Add(int64(p1-p0) * m.W.panelBytes() * int64(m.inner))
		lo = end
	}
	// Arguments of assembly lie in scratch as plain addresses.
	runtime.KeepAlive(m)
	runtime.KeepAlive(&scratch)
}

// Read is the number of bytes of W that were read, once per pass over the
// tokens, since the last call of Read. It depends on the number of tokens, not on the
// spans they belong to.
func (m *Matmul) Read() int64 { return m.read.Swap(0) }

// MatmulGroup runs several matmuls of one input as one task.
type MatmulGroup struct {
	Tier    Tier
	Members []Matmul
	items   int
}

// Prepare prepares every member with the tier of the group.
func (g *MatmulGroup) Prepare() error {
	g.items = 0
	for i := range g.Members {
		g.Members[i].Tier = g.Tier
		if err := g.Members[i].Prepare(); err != nil {
			return fmt.Errorf("member %d: %w", i, err)
		}
		g.items += g.Members[i].Items()
	}
	return nil
}

// Measure is Prepare: that looks at shapes alone.
func (g *MatmulGroup) Measure() error { return g.Prepare() }

// Items counts the items of all members.
func (g *MatmulGroup) Items() int { return g.items }

// Scratch is the largest of the members.
func (g *MatmulGroup) Scratch() int {
	n := 0
	for i := range g.Members {
		n = max(n, g.Members[i].Scratch())
	}
	return n
}

// Run maps the range to the members in order.
func (g *MatmulGroup) Run(lo, hi int, scratch []byte) {
	for i := range g.Members {
		n := g.Members[i].Items()
		if a, b := max(lo, 0), min(hi, n); a < b {
			g.Members[i].Run(a, b, scratch)
		}
		lo, hi = lo-n, hi-n
	}
}

// Embedding is Out[s] = W[IDs[s]], decoded to f32 plain.
type Embedding struct {
	Tier Tier
	W    *Weight
	IDs  []int32
	Out  Act
}

// Prepare checks the ids against the rows.
func (e *Embedding) Prepare() error {
	if e.W == nil {
		return fmt.Errorf("embedding: no weight")
	}
	n := e.W.N()
	for i, id := range e.IDs {
		if id < 0 || int(id) >= n {
			return fmt.Errorf("embedding: id %d at %d, the table has %d rows", id, i, n)
		}
	}
	return wantPlain("embedding", "output", &e.Out, len(e.IDs), e.W.K)
}

// Items is one per token.
func (e *Embedding) Items() int { return len(e.IDs) }

// Scratch is none.
func (e *Embedding) Scratch() int { return 0 }

// Run decodes rows lo to hi-1.
func (e *Embedding) Run(lo, hi int, _ []byte) {
	w := e.W
	for t := lo; t < hi; t++ {
		dst := e.Out.F[t*w.K : (t+1)*w.K]
		id := int(e.IDs[t])
		if w.Form == Rows {
			pack.DecodeRows(dst, w.Data[id*w.stride:(id+1)*w.stride], w.Type)
			continue
		}
		m := 0
		for id >= int(w.Rows[m]) {
			id -= int(w.Rows[m])
			m++
		}
		p := w.first[m] + id/pack.PanelRows
		pack.DecodeRow(dst, w.Data[p*w.stride:(p+1)*w.stride], w.Type, id%pack.PanelRows)
	}
}
