package cpu

import (
	"math"
	"slices"

	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/runtime/backend"
	"github.com/tessera-llm/tessera/runtime/cpu/kernel"
)

// ropeTable is the cosines and sines of one call, shared by all ropes with
// the same frequencies.
type ropeTable struct {
	invFreq []float32
	mscale  float32
	cos     []float32
	sin     []float32
	spans   []backend.Range // what the table holds now
}

// rope returns the table for node n, shared with earlier equal ones.
func (e *executable) rope(n *ir.Node) (*ropeTable, error) {
	f, err := e.values(n.Weights[0])
	if err != nil {
		return nil, err
	}
	m := float32(n.Float("mscale"))
	if m == 0 {
		m = 1
	}
	for _, t := range e.ropes {
		if t.mscale == m && slices.Equal(t.invFreq, f) {
			return t, nil
		}
	}
	t := &ropeTable{invFreq: f, mscale: m}
	if !e.d.measured {
		t.cos, t.sin = alignedF32(e.max.Tokens*len(f)), alignedF32(e.max.Tokens*len(f))
	}
	e.tables += 4 * int64(len(f)) * int64(1+2*e.max.Tokens)
	e.ropes = append(e.ropes, t)
	return t, nil
}

// view returns the kernel's table for the positions of a run.
func (t *ropeTable) view(r *run) kernel.RopeTable {
	half := len(t.invFreq)
	if t.cos == nil { // nothing is to run
		return kernel.RopeTable{Half: half}
	}
	if !slices.Equal(t.spans, r.ranges) {
		at := 0
		for _, s := range r.ranges {
			kernel.BuildRope(t.cos[at:], t.sin[at:], s.Start, s.Rows, t.invFreq, t.mscale)
			at += s.Rows * half
		}
		t.spans = append(t.spans[:0], r.ranges...)
	}
	return kernel.RopeTable{Half: half, Cos: t.cos[:r.s*half], Sin: t.sin[:r.s*half]}
}

func compileRope(e *executable, n *ir.Node) (step, error) {
	table, err := e.rope(n)
	if err != nil {
		return step{}, err
	}
	t := &kernel.Rope{Tier: e.d.tier, HeadDim: int(n.Int("head_dim")), Dim: int(n.Int("rotary_dim"))}
	return one(t, func(r *run) error {
		t.X, t.Out, t.Table = r.acts[n.In[0]], r.acts[n.Out[0]], table.view(r)
		return nil
	}), nil
}

func compileRopeQK(e *executable, n *ir.Node) (step, error) {
	table, err := e.rope(n)
	if err != nil {
		return step{}, err
	}
	t := &kernel.RopeQK{Tier: e.d.tier, HeadDim: int(n.Int("head_dim")), Dim: int(n.Int("rotary_dim")), Eps: float32(n.Float("eps"))}
	if len(n.Weights) == 3 {
		if t.QNorm, err = e.vector(n.Weights[1]); err != nil {
			return step{}, err
		}
		if t.KNorm, err = e.vector(n.Weights[2]); err != nil {
			return step{}, err
		}
	}
	return one(t, func(r *run) error {
		t.Q, t.K, t.QOut, t.KOut = r.acts[n.In[0]], r.acts[n.In[1]], r.acts[n.Out[0]], r.acts[n.Out[1]]
		t.Table = table.view(r)
		return nil
	}), nil
}

// compileAttention appends k and v, or k alone where v is part of it, and
// attends. A node that has only q reads what another node's tasks, which run
// before, have appended.
func compileAttention(e *executable, n *ir.Node) (step, error) {
	app := &kernel.KVAppendGroup{Tier: e.d.tier}
	att := &kernel.AttentionGroup{Tier: e.d.tier, Heads: int(n.Int("heads")), Scale: float32(n.Float("scale")),
		Window: int(min(n.Int("window"), math.MaxInt32)), Budget: e.d.partials.most}
	tasks := []kernel.Task{app, att, &kernel.AttentionFinish{G: att}}
	if !n.Appends() {
		tasks = tasks[1:]
	}
	var spans []kernel.CacheSpan
	return step{tasks: tasks, rounds: att, bind: func(r *run) error {
		spans = spans[:0]
		for i := range r.spans {
			s := &r.spans[i]
			spans = append(spans, kernel.CacheSpan{Cache: s.st.cache(n.States[0]), Start: s.start, Rows: s.rows})
		}
		if n.Appends() {
			app.K, app.Spans = r.acts[n.In[1]], spans
		}
		if len(n.In) > 2 {
			app.V = r.acts[n.In[2]]
		}
		att.Q, att.Out, att.Spans = r.acts[n.In[0]], r.acts[n.Out[0]], spans
		return nil
	}}, nil
}
