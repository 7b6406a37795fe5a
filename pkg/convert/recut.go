package convert

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/tessera-llm/tessera/internal/disk"
	"github.com/tessera-llm/tessera/pkg/format"
	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/pkg/passes"
	"github.com/tessera-llm/tessera/pkg/segment"
	"github.com/tessera-llm/tessera/pkg/target"
	"github.com/tessera-llm/tessera/pkg/weights"
)

// Recutting is the outcome of Recut.
type Recutting struct {
	Segments int
	Bytes    int64
	Reports  []*passes.Report
}

// Recut writes the bundle at in to out with its decoder cut into parts.
// Weights are copied as they are.
func Recut(ctx context.Context, in, out string, parts int, force bool) (*Recutting, error) {
	b, err := format.Open(in)
	if err != nil {
		return nil, err
	}
	defer b.Close()
	// Copied damage would get a new digest.
	if err := b.CheckDigests(nil); err != nil {
		return nil, err
	}
	t, err := target.Lookup(b.Target)
	if err != nil {
		return nil, fmt.Errorf("bundle %s: %w", in, err)
	}
	cuts, err := passes.CutNames(b.Manifest.Meta.Layers, parts)
	if err != nil {
		return nil, err
	}
	src := b.Manifest.Source
	segs, reports, err := segment.Recut(ctx, b.Segments, passes.Options{Target: t, Cuts: cuts, Disable: src.Disabled, StopAfter: src.StopAfter})
	if err != nil {
		return nil, fmt.Errorf("re-cut %s: %w", in, err)
	}
	p := &Plan{Options: Options{Targets: []*target.Target{t}}, Segments: segs, Meta: b.Manifest.Meta, Cuts: cuts, Reports: reports}
	if err := p.listWeights(); err != nil {
		return nil, err
	}
	for _, g := range b.Manifest.Graphs[1:] {
		l, err := recutFor(ctx, b, g.Target, cuts)
		if err != nil {
			return nil, fmt.Errorf("re-cut %s: target %s: %w", in, g.Target, err)
		}
		p.Others = append(p.Others, l)
	}
	if err := p.viewWeights(); err != nil {
		return nil, fmt.Errorf("re-cut %s: %w", in, err)
	}
	if have, err := disk.Free(out); err == nil && have < p.Bytes()+1<<20 {
		return nil, fmt.Errorf("the bundle needs %d MiB, the disk at %s has %d MiB free: free some space or choose another output", p.Bytes()>>20, out, have>>20)
	}
	w, err := format.Create(out, force)
	if err != nil {
		return nil, err
	}
	defer w.Abort()
	if err := p.copyWeights(ctx, w, b); err != nil {
		return nil, err
	}
	if err := copyFiles(w, b); err != nil {
		return nil, err
	}
	if err := p.writeSegments(w); err != nil {
		return nil, err
	}
	m := *b.Manifest
	return &Recutting{Segments: len(segs), Bytes: p.Bytes(), Reports: reports}, w.Commit(m)
}

// recutFor cuts the graphs for a further target of b.
func recutFor(ctx context.Context, b *format.Bundle, name string, cuts []string) (*Lowered, error) {
	t, err := target.Lookup(name)
	if err != nil {
		return nil, err
	}
	segs, err := b.SegmentsFor(name)
	if err != nil {
		return nil, err
	}
	src := b.Manifest.Source
	l := &Lowered{Target: t}
	l.Segments, l.Reports, err = segment.Recut(ctx, segs, passes.Options{Target: t, Cuts: cuts, Disable: src.Disabled, StopAfter: src.StopAfter})
	return l, err
}

// bundleSource gives finished weights of a bundle by their stored name.
type bundleSource struct {
	weights.Source
	b *format.Bundle
}

func (s bundleSource) Stored(name string) ([]byte, error) { return s.b.Stored(name) }

// copyWeights writes every weight of the plan from what b holds.
func (p *Plan) copyWeights(ctx context.Context, w *format.Writer, b *format.Bundle) error {
	cur := ""
	for _, pw := range p.Weights {
		if pw.Segment != cur {
			cur = pw.Segment
			if err := w.StartWeights(cur + ".bin"); err != nil {
				return err
			}
		}
		entry := format.WeightEntry{Name: pw.Name, Bytes: pw.Bytes, Type: pw.Type.String(), Form: pw.Form.String(), Shape: pw.Shape, Rows: pw.Rows, Sources: b.Sources(pw.Expr)}
		err := w.Weight(entry, func(dst io.Writer) error {
			return weights.Write(ctx, dst, pw.Expr, bundleSource{b: b}, weights.Options{Workers: 1})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// copyFiles copies the tokenizer and the other texts.
func copyFiles(w *format.Writer, b *format.Bundle) error {
	for _, name := range format.TextFiles {
		data, err := b.File(name, format.MaxText)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if err := w.File(name, data); err != nil {
			return err
		}
	}
	return nil
}

// isConst reports whether a stored weight is small enough to be repeated in
// every segment that reads it, as the rotary frequencies are.
func isConst(w *ir.Weight) bool {
	return w.Kind == ir.ExprConst || w.Kind == ir.ExprStored && len(w.Shape) == 1
}
