package convert

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/tessera-llm/tessera/internal/disk"
	"github.com/tessera-llm/tessera/pkg/format"
	"github.com/tessera-llm/tessera/pkg/weights"
)

// WriteOptions of Plan.Write.
type WriteOptions struct {
	Force    bool // replace a bundle that is there already
	Workers  int  // goroutines that evaluate weights; less than 1 means 1
	Progress func(done, total int64)
}

// Write makes the bundle at path. It decides nothing: the same plan gives the
// same bytes. After an error or a kill nothing at path has changed.
func (p *Plan) Write(ctx context.Context, path string, o WriteOptions) error {
	if err := format.Replaceable(path, o.Force); err != nil {
		return err
	}
	texts, err := p.ReadTexts()
	if err != nil {
		return err
	}
	files, err := p.textFiles(texts)
	if err != nil {
		return err
	}
	if err := p.enoughRoom(path, files); err != nil {
		return err
	}
	print, err := p.Checkpoint.Fingerprint()
	if err != nil {
		return err
	}
	w, err := format.Create(path, o.Force)
	if err != nil {
		return err
	}
	defer w.Abort()
	if err := p.writeWeights(ctx, w, o); err != nil {
		return err
	}
	for _, f := range files {
		if err := w.File(f.Name, f.Data); err != nil {
			return err
		}
	}
	if err := p.writeSegments(w); err != nil {
		return err
	}
	// The checkpoint must still be what the plan was made of.
	if err := p.Checkpoint.Unchanged(); err != nil {
		return err
	}
	meta := p.Meta
	meta.Stop = texts.Stop
	return w.Commit(format.Manifest{
		Features: format.Features, Meta: meta,
		Source: format.Source{Kind: p.Checkpoint.Kind().String(), Fingerprint: print, Type: p.Options.Type.String(), IgnoredKeys: p.Options.IgnoreKeys,
			Disabled: p.Options.Disable, StopAfter: p.Options.StopAfter},
	})
}

// writeSegments writes the graphs for every target.
func (p *Plan) writeSegments(w *format.Writer) error {
	all := []*Lowered{{Target: p.Options.Targets[0], views: p.Segments}}
	for _, l := range append(all, p.Others...) {
		for _, s := range l.views {
			if err := w.Segment(l.Target.Name, s, p.weightFile(s.Name)); err != nil {
				return err
			}
		}
	}
	return nil
}

// weightFile is the name of a segment's weight file, "" when it has no
// weights of its own.
func (p *Plan) weightFile(segment string) string {
	if slices.ContainsFunc(p.Weights, func(w Weight) bool { return w.Segment == segment }) {
		return segment + ".bin"
	}
	return ""
}

// writeWeights streams every weight into its file, in the order of the plan.
func (p *Plan) writeWeights(ctx context.Context, w *format.Writer, o WriteOptions) error {
	total, done := p.Bytes(), int64(0)
	progress := func(n int64) {
		if done += n; o.Progress != nil {
			o.Progress(done, total)
		}
	}
	cur := ""
	for _, pw := range p.Weights {
		if pw.Segment != cur {
			cur = pw.Segment
			if err := w.StartWeights(cur + ".bin"); err != nil {
				return err
			}
		}
		entry := format.WeightEntry{Name: pw.Name, Bytes: pw.Bytes, Type: pw.Type.String(), Form: pw.Form.String(), Shape: pw.Shape, Rows: pw.Rows, Sources: pw.Sources}
		err := w.Weight(entry, func(dst io.Writer) error {
			return weights.Write(ctx, dst, pw.Expr, p.Checkpoint.Source(), weights.Options{Workers: o.Workers, Progress: progress})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// enoughRoom refuses to begin what the disk cannot hold.
func (p *Plan) enoughRoom(path string, files []format.TextFile) error {
	need := p.Bytes() + int64(len(p.Weights))*format.TensorAlign + int64(len(p.Segments)+1)*format.FileAlign + 1<<20
	for _, f := range files {
		need += int64(len(f.Data))
	}
	have, err := disk.Free(path)
	if err != nil {
		return nil // unknown: let the writing tell
	}
	if have < need {
		return fmt.Errorf("the bundle needs %d MiB, the disk at %s has %d MiB free: free some space or choose another output", need>>20, path, have>>20)
	}
	return nil
}
