package model

import (
	"fmt"

	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/pkg/pack"
	"github.com/tessera-llm/tessera/pkg/quant"
	"github.com/tessera-llm/tessera/pkg/tensor"
)

// retype brings every weight to its wanted type and checks that it can run.
func (r *resolver) retype(o Options) error {
	items := make([]quant.Item, len(r.list))
	for i, w := range r.list {
		items[i] = quant.Item{Name: w.Name, Shape: w.Shape, Type: w.From}
	}
	plan, err := quant.NewPlan(o.Type, mixtureModel(r.f, r.c), items)
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

// mixtureModel is what mixtures need to know.
func mixtureModel(f *family, c *Config) quant.Model {
	a := &c.Layers[0].Attn
	return quant.Model{Arch: f.gguf, Layers: len(c.Layers), Heads: int(a.Heads), KVHeads: int(a.KVHeads)}
}

// runnable reports whether there are kernels for weights of type t: those that
// can be packed.
func runnable(t tensor.Type) bool { return pack.Supported(t) }

func (r *resolver) retypeOne(w *Weight, ch quant.Choice, o Options) error {
	w.To, w.Reason = ch.To, ch.Reason
	if len(w.Shape) < 2 && w.From.Float() {
		w.To, w.Reason = tensor.F32, "vector"
	}
	switch {
	case w.From == w.To && runnable(w.To):
		return nil
	case !runnable(w.To) && o.Type == quant.Keep:
		return fmt.Errorf("no kernel runs type %s; choose another with --type, for example --type q4_k_m", w.To)
	case !runnable(w.To):
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
