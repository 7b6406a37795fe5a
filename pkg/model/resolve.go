package model

import (
	"fmt"
	"slices"
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
// Without a checkpoint (in is nil) every tensor that a row names is taken to be
// there: that lists what a checkpoint holds.
type resolver struct {
	in      *input
	f       *family
	c       *Config
	used    []bool // of in.infos
	list    []Weight
	exprs   map[string]*ir.Expr // by canonical name
	ignored []Ignored
	parts   map[string][]bool // of a fused tensor: which runs of its rows are read
}

// resolve finds an expression for every row and a reason for every tensor
// that is left.
func (r *resolver) resolve() error {
	r.exprs = map[string]*ir.Expr{}
	for i := range r.f.tensors {
		row := &r.f.tensors[i]
		places := []*place{{r: r}}
		if row.perLayer() {
			places = nil
			for n := range r.c.Layers {
				places = append(places, &place{r, int64(n), &r.c.Layers[n]})
			}
		}
		for _, at := range places {
			if row.when != nil && !row.when(r.c, at.l) {
				continue
			}
			x, err := row.in(r.in.kv != nil).expr(at, row.shape(r.c, at.l))
			if err != nil {
				return err
			}
			name := at.name(row.name)
			r.exprs[name] = x
			r.list = append(r.list, Weight{Name: name, Sources: sources(x), Shape: x.Shape, From: x.Type, To: x.Type})
		}
	}
	return r.leftovers()
}

// sources lists the tensors that x is made of.
func sources(x *ir.Expr) []string {
	var names []string
	x.Walk(func(e *ir.Expr) {
		if e.Kind == ir.ExprTensor {
			names = append(names, e.Name)
		}
	})
	return names
}

func (r *resolver) has(name string) bool { return r.in == nil || r.in.has(name) }

// tensor is the named tensor of the checkpoint, checked against want.
func (r *resolver) tensor(name string, want tensor.Shape) (*ir.Expr, error) {
	if r.in == nil {
		return ir.TensorExpr(name, tensor.F32, want), nil
	}
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

// tookPart notes that run i of the rows of the fused tensor x is read.
func (r *resolver) tookPart(x *ir.Expr, runs []int64, i int) {
	if r.parts == nil {
		r.parts = map[string][]bool{}
	}
	for _, name := range sources(x) {
		if r.parts[name] == nil {
			r.parts[name] = make([]bool, len(runs))
		}
		r.parts[name][i] = true
	}
}

// ignorable lists tensors that may be left over, by the end of their names;
// gguf says in which container.
var ignorable = []struct {
	gguf bool
	end  string
	why  string
}{
	{true, ".attn_rot_embd.weight", "rotary frequencies are computed"},
	{false, ".rotary_emb.inv_freq", "rotary frequencies are computed"},
	{false, ".attention.masked_bias", "attention mask of an old checkpoint"},
	{false, ".attention.bias", "attention mask of an old checkpoint"},
}

// unread gives the reason for which a tensor may be left out, or "".
func (r *resolver) unread(name string) string {
	if why := r.in.taken[name]; why != "" {
		return why
	}
	if name == "lm_head.weight" && r.in.kv == nil && r.c.Tied {
		return "tie_word_embeddings: the token embedding takes its place"
	}
	for _, g := range ignorable {
		if g.gguf == (r.in.kv != nil) && strings.HasSuffix(name, g.end) {
			return g.why
		}
	}
	return ""
}

func (r *resolver) leftovers() error {
	for i, t := range r.in.infos {
		if r.used[i] {
			if part := slices.Index(r.parts[t.Name], false); part >= 0 {
				return fmt.Errorf("tensor %q in %s: part %d of %d has a tensor of its own beside it, want it once", t.Name, t.File, part+1, len(r.parts[t.Name]))
			}
			continue
		}
		why := r.unread(t.Name)
		if why == "" {
			return fmt.Errorf("tensor %q %s %v in %s is not part of a %s model with %d layers", t.Name, t.Type, t.Shape, t.File, r.c.Arch, len(r.c.Layers))
		}
		r.ignored = append(r.ignored, Ignored{t.Name, why})
	}
	return nil
}

func (r *resolver) file(name string) string {
	if t, ok := r.in.info(name); ok {
		return t.File
	}
	return r.in.path
}
