package model

import (
	"fmt"
	"strings"

	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/pkg/quant"
	"github.com/tessera-llm/tessera/pkg/tensor"
)

const (
	ropeFreqs = "rope_freqs.weight"
	tokenEmbd = "token_embd.weight"
	output    = "output.weight"
)

// resolver matches the tensors of a checkpoint with the rows of its family.
type resolver struct {
	in      *input
	f       *family
	c       *Config
	used    []bool // of in.infos
	list    []Weight
	exprs   map[string]*ir.Expr // by canonical name
	ignored []Ignored
}

// resolve finds an expression for every row and a reason for every tensor
// that is left.
func (r *resolver) resolve() error {
	r.exprs = map[string]*ir.Expr{}
	for i := range r.f.rows {
		row := &r.f.rows[i]
		if row.when != nil && !row.when(r.c) {
			continue
		}
		layers := int64(1)
		if row.perLayer() {
			layers = r.c.Layers
		}
		for n := range layers {
			if err := r.row(row, n); err != nil {
				return err
			}
		}
	}
	return r.leftovers()
}

// row resolves one row for layer n.
func (r *resolver) row(row *row, n int64) error {
	name, source := at(row.name, n), at(row.hf, n)
	if r.in.kv != nil {
		source = name
	}
	x, err := r.tensor(source, row.shape(r.c))
	if err != nil && r.in.kv != nil && !r.in.has(source) {
		fused, ok, ferr := r.fusedQKV(name)
		if ferr != nil {
			return ferr
		}
		if ok {
			x, err = fused, nil
		}
	}
	if err != nil {
		return err
	}
	if row.rot != nil && r.in.kv != nil && r.f.interleaved {
		if x, err = ir.Unrotate(x, row.rot(r.c)); err != nil {
			return fmt.Errorf("tensor %q in %s: %w", source, r.in.path, err)
		}
	}
	r.exprs[name] = x
	from := x.Type
	var sources []string
	x.Walk(func(e *ir.Expr) {
		if e.Kind == ir.ExprTensor {
			sources = append(sources, e.Name)
		}
	})
	r.list = append(r.list, Weight{Name: name, Sources: sources, Shape: x.Shape, From: from, To: from})
	return nil
}

// tensor is the named tensor of the checkpoint, checked against want.
func (r *resolver) tensor(name string, want tensor.Shape) (*ir.Expr, error) {
	i, ok := r.in.byName[name]
	if !ok {
		return nil, fmt.Errorf("%s: tensor %q %v is missing", r.in.path, name, want)
	}
	t := r.in.infos[i]
	if !t.Shape.Equal(want) {
		return nil, fmt.Errorf("tensor %q in %s: shape %v, want %v from the config", name, t.File, t.Shape, want)
	}
	if c, ok := quant.Lookup(t.Type); !ok || c.Decode == nil {
		return nil, fmt.Errorf("tensor %q in %s: weights of type %s are not supported", name, t.File, t.Type)
	}
	r.used[i] = true
	return ir.TensorExpr(name, t.Type, t.Shape), nil
}

// fusedQKV is the part of blk.N.attn_qkv that stands for name: rows q, then k,
// then v.
func (r *resolver) fusedQKV(name string) (*ir.Expr, bool, error) {
	q, kv := r.c.Heads*r.c.HeadDim, r.c.KVHeads*r.c.HeadDim
	for _, part := range []struct {
		name   string
		lo, hi int64
	}{{".attn_q.", 0, q}, {".attn_k.", q, q + kv}, {".attn_v.", q + kv, q + 2*kv}} {
		layer, rest, ok := strings.Cut(name, part.name)
		if !ok {
			continue
		}
		fused := layer + ".attn_qkv." + rest
		if !r.in.has(fused) {
			return nil, false, nil
		}
		want := tensor.Shape{q + 2*kv}
		if rest == "weight" {
			want = append(want, r.c.Hidden)
		}
		x, err := r.tensor(fused, want)
		if err != nil {
			return nil, false, err
		}
		x, err = ir.Slice(x, part.lo, part.hi)
		return x, true, err
	}
	return nil, false, nil
}

// ignorable gives the reason for which a tensor may be left out, or "".
func (r *resolver) ignorable(name string) string {
	if r.in.kv != nil {
		switch {
		case name == ropeFreqs && r.f.ropeFreqs:
			return "folded into rope.inv_freq"
		case strings.HasPrefix(name, "blk.") && strings.HasSuffix(name, ".attn_rot_embd.weight"):
			return "rotary frequencies are computed"
		}
		return ""
	}
	switch {
	case name == "lm_head.weight" && r.c.Tied:
		return "tie_word_embeddings: the token embedding takes its place"
	case strings.HasSuffix(name, ".rotary_emb.inv_freq"):
		return "rotary frequencies are computed"
	case strings.HasSuffix(name, ".attention.masked_bias"), strings.HasSuffix(name, ".attention.bias"):
		return "attention mask of an old checkpoint"
	}
	return ""
}

func (r *resolver) leftovers() error {
	for i, t := range r.in.infos {
		if r.used[i] {
			continue
		}
		why := r.ignorable(t.Name)
		if why == "" {
			return fmt.Errorf("tensor %q %s %v in %s is not part of a %s model with %d layers", t.Name, t.Type, t.Shape, t.File, r.c.Arch, r.c.Layers)
		}
		r.ignored = append(r.ignored, Ignored{t.Name, why})
	}
	return nil
}

// runnable lists the weight types that have kernels.
var runnable = map[tensor.Type]bool{
	tensor.F32: true, tensor.F16: true, tensor.BF16: true,
	tensor.Q8_0: true, tensor.Q4_0: true, tensor.Q4_1: true, tensor.Q5_0: true, tensor.Q5_1: true,
	tensor.Q4_K: true, tensor.Q5_K: true, tensor.Q6_K: true,
}

// retype brings every weight to its wanted type and checks that it can run.
func (r *resolver) retype(o Options) error {
	items := make([]quant.Item, len(r.list))
	for i, w := range r.list {
		items[i] = quant.Item{Name: w.Name, Shape: w.Shape, Type: w.From}
	}
	plan, err := quant.NewPlan(o.Type, quant.Model{Arch: r.f.container().ggufArch, Layers: int(r.c.Layers), Heads: int(r.c.Heads), KVHeads: int(r.c.KVHeads)}, items)
	if err != nil {
		return fmt.Errorf("%s: %w", r.in.path, err)
	}
	for i := range r.list {
		w, ch := &r.list[i], plan.Choices[i]
		if err := r.retypeOne(w, ch, o); err != nil {
			return fmt.Errorf("tensor %q in %s: %w", w.Sources[0], r.file(w.Sources[0]), err)
		}
	}
	return nil
}

func (r *resolver) retypeOne(w *Weight, ch quant.Choice, o Options) error {
	w.To, w.Reason = ch.To, ch.Reason
	if len(w.Shape) < 2 && w.From.Float() && w.To != tensor.F32 {
		w.To, w.Reason = tensor.F32, "vector"
	}
	switch {
	case w.From == w.To && runnable[w.To]:
		return nil
	case !runnable[w.To] && o.Type == quant.Keep:
		return fmt.Errorf("no kernel runs type %s; choose another with --type, for example --type q4_k_m", w.To)
	case !runnable[w.To]:
		return fmt.Errorf("no kernel runs type %s (%s)", w.To, w.Reason)
	case ch.Requantised && !o.Requantise:
		return fmt.Errorf("it is %s and would be quantised again to %s, which loses twice; allow it explicitly or keep its type", w.From, w.To)
	}
	x := r.exprs[w.Name]
	var err error
	if w.To.Quantised() {
		x, err = ir.Quantize(x, w.To)
	} else {
		x, err = ir.Cast(x, w.To)
	}
	r.exprs[w.Name] = x
	return err
}

func (r *resolver) file(name string) string {
	if t, ok := r.in.info(name); ok {
		return t.File
	}
	return r.in.path
}
