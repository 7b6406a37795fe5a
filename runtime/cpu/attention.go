package cpu

import (
	"fmt"
	"math"
	"slices"

	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/runtime/cpu/kernel"
)

// ropeTable is the cosines and sines of one call, shared by all ropes with
// the same frequencies.
type ropeTable struct {
	invFreq []float32
	mscale  float32
	cos     []float32
	sin     []float32
	start   int // what the table holds now
	n       int
}

// rope returns the table for node n, shared with earlier equal ones.
func (e *executable) rope(n *ir.Node) (*ropeTable, error) {
	f, err := e.vector(n.Weights[0])
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
	t := &ropeTable{invFreq: f, mscale: m, cos: alignedF32(e.maxTokens * len(f)), sin: alignedF32(e.maxTokens * len(f))}
	e.ropes = append(e.ropes, t)
	return t, nil
}

// view returns the kernel's table for positions start to start+s.
func (t *ropeTable) view(start, s int) kernel.RopeTable {
	n := s * len(t.invFreq)
	if t.start != start || t.n != s {
		kernel.BuildRope(t.cos[:n], t.sin[:n], start, s, t.invFreq, t.mscale)
		t.start, t.n = start, s
	}
	return kernel.RopeTable{Half: len(t.invFreq), Cos: t.cos[:n], Sin: t.sin[:n]}
}

func compileRope(e *executable, n *ir.Node) (step, error) {
	table, err := e.rope(n)
	if err != nil {
		return step{}, err
	}
	t := &kernel.Rope{Tier: e.d.tier, HeadDim: int(n.Int("head_dim")), Dim: int(n.Int("rotary_dim"))}
	return one(t, func(r *run) error {
		t.X, t.Out = r.acts[n.In[0]], r.acts[n.Out[0]]
		start, err := r.start(n.In[1])
		t.Table = table.view(start, r.s)
		return err
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
		start, err := r.start(n.In[2])
		t.Table = table.view(start, r.s)
		return err
	}), nil
}

func compileAttention(e *executable, n *ir.Node) (step, error) {
	app := &kernel.KVAppend{Tier: e.d.tier}
	att := &kernel.Attention{Tier: e.d.tier, Heads: int(n.Int("heads")), Scale: float32(n.Float("scale")), Window: int(min(n.Int("window"), math.MaxInt32))}
	merge := &kernel.AttentionMerge{A: att}
	e.attn = append(e.attn, att)
	return step{tasks: []kernel.Task{app, att, merge}, bind: func(r *run) error {
		if r.st == nil {
			return fmt.Errorf("state %s: the call has no state", n.States[0])
		}
		cache := r.st.cache[n.States[0]]
		if cache == nil {
			return fmt.Errorf("the state holds no %s", n.States[0])
		}
		start, err := r.start(n.In[3])
		if err != nil {
			return err
		}
		app.Cache, app.K, app.V, app.Start = cache, r.acts[n.In[1]], r.acts[n.In[2]], start
		att.Cache, att.Q, att.Out, att.Start = cache, r.acts[n.In[0]], r.acts[n.Out[0]], start
		return nil
	}}, nil
}
