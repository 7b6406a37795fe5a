package format

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tessera-llm/tessera/internal/folder"
	"github.com/tessera-llm/tessera/internal/mmap"
	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/pkg/tensor"
)

// Bundle is an open bundle. Weights are mapped; nothing of them is read by
// Open.
type Bundle struct {
	Path     string
	Manifest *Manifest
	Segments []ir.Segment // weights are ExprStored, named as in the index

	maps   map[string]*mmap.Mapping
	index  map[[2]string]*WeightEntry // (file, weight)
	byName map[string]*WeightEntry    // the first of each name
}

// IsBundle reports whether path looks like a bundle: a folder with a
// manifest.
func IsBundle(path string) bool {
	st, err := os.Stat(filepath.Join(path, ManifestName))
	return err == nil && st.Mode().IsRegular()
}

// Open opens the bundle at path, checks its manifest and its graphs, and maps
// its weights. Errors name the file.
func Open(path string) (*Bundle, error) { return open(path, "") }

// OpenSegment opens one segment of the bundle at path. Only the files it needs
// have to be there: the manifest, its graph, and the weight files its graph
// reads. So a machine that runs one segment holds that part of the model.
func OpenSegment(path, segment string) (*Bundle, error) { return open(path, segment) }

func open(path, only string) (*Bundle, error) {
	var text []byte
	name, err := folder.Resolve(path, ManifestName)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%s is not a bundle: it has no %s", path, ManifestName)
	}
	if err == nil {
		text, err = folder.Read(name, MaxManifest)
	}
	if err != nil {
		return nil, fmt.Errorf("bundle: %w", err)
	}
	m, err := decodeManifest(text)
	if err != nil {
		return nil, fmt.Errorf("bundle %s: %s: %w", path, ManifestName, err)
	}
	b := &Bundle{Path: path, Manifest: m, maps: map[string]*mmap.Mapping{}, index: map[[2]string]*WeightEntry{}, byName: map[string]*WeightEntry{}}
	if err := b.open(only); err != nil {
		b.Close()
		return nil, fmt.Errorf("bundle %s: %w", path, err)
	}
	return b, nil
}

// open checks and reads what the segment called only needs, or everything.
func (b *Bundle) open(only string) error {
	for i := range b.Manifest.Weights {
		w := &b.Manifest.Weights[i]
		b.index[[2]string{w.File, w.Name}] = w
		if b.byName[w.Name] == nil {
			b.byName[w.Name] = w
		}
	}
	if only == "" {
		for _, f := range b.Manifest.Files {
			if err := b.checkFile(f); err != nil {
				return err
			}
		}
		for _, w := range b.Manifest.Weights {
			if err := b.mapFile(w.File); err != nil {
				return err
			}
		}
	}
	for _, e := range b.Manifest.Segments {
		if only != "" && e.Name != only {
			continue
		}
		s, err := b.segment(e)
		if err != nil {
			return fmt.Errorf("%s: %w", e.File, err)
		}
		for _, w := range s.Graph.Weights {
			if err := b.mapFile(b.entry(e.Weights, w.Expr.Name).File); err != nil {
				return err
			}
		}
		b.Segments = append(b.Segments, s)
	}
	if only != "" && len(b.Segments) == 0 {
		var names []string
		for _, e := range b.Manifest.Segments {
			names = append(names, e.Name)
		}
		return fmt.Errorf("no segment %q; there are %s", only, strings.Join(names, ", "))
	}
	return nil
}

// mapFile maps a weight file, once.
func (b *Bundle) mapFile(name string) error {
	if b.maps[name] != nil {
		return nil
	}
	i := slices.IndexFunc(b.Manifest.Files, func(f FileEntry) bool { return f.Name == name })
	if err := b.checkFile(b.Manifest.Files[i]); err != nil {
		return err
	}
	p, err := folder.Resolve(b.Path, name)
	if err != nil {
		return err
	}
	m, err := mmap.Map(p)
	if err != nil {
		return err
	}
	m.Advise(0, m.Size(), mmap.Huge)
	b.maps[name] = m
	if m.Size() != b.Manifest.Files[i].Bytes {
		return fmt.Errorf("%s changed while it was opened", name)
	}
	return nil
}

func (b *Bundle) checkFile(f FileEntry) error {
	p, err := folder.Resolve(b.Path, f.Name)
	if err != nil {
		return err
	}
	st, err := os.Stat(p)
	if err != nil {
		return err
	}
	if st.Size() != f.Bytes {
		return fmt.Errorf("%s has %d bytes, the manifest says %d: the file is damaged or incomplete, convert again", f.Name, st.Size(), f.Bytes)
	}
	return nil
}

func (b *Bundle) segment(e SegmentEntry) (ir.Segment, error) {
	data, err := b.File(e.File, MaxSegment)
	if err != nil {
		return ir.Segment{}, err
	}
	s, err := decodeSegment(data, func(name string) (*ir.Expr, error) {
		w := b.entry(e.Weights, name)
		if w == nil {
			return nil, fmt.Errorf("weight %.60q is not in the index of %s", name, e.Weights)
		}
		t, err := tensor.ParseType(w.Type)
		if err != nil {
			return nil, err
		}
		form, err := tensor.ParseForm(w.Form)
		if err != nil {
			return nil, err
		}
		return ir.StoredExpr(w.Name, t, w.Shape, form, w.Rows), nil
	})
	if err != nil {
		return ir.Segment{}, err
	}
	if s.Name != e.Name || s.Kind != e.Kind {
		return ir.Segment{}, fmt.Errorf("the file holds segment %.60q (%.20s), the manifest says %.60q (%.20s)", s.Name, s.Kind, e.Name, e.Kind)
	}
	d := describe(s)
	if !slices.Equal(d.Inputs, e.Inputs) || !slices.Equal(d.Outputs, e.Outputs) || !slices.Equal(d.States, e.States) {
		return ir.Segment{}, fmt.Errorf("the graph takes %q, gives %q and keeps %q, the manifest says %q, %q and %q", d.Inputs, d.Outputs, d.States, e.Inputs, e.Outputs, e.States)
	}
	return s, nil
}

// SharedFile holds the weights of several segments.
const SharedFile = "shared.bin"

// entry finds a weight of a segment: in the segment's own file, then in the
// shared one.
func (b *Bundle) entry(file, name string) *WeightEntry {
	if w := b.index[[2]string{file, name}]; w != nil {
		return w
	}
	return b.index[[2]string{SharedFile, name}]
}

// Bytes returns the mapped data of w, a weight of the named segment.
func (b *Bundle) Bytes(segment string, w *ir.Weight) ([]byte, error) {
	i := slices.IndexFunc(b.Manifest.Segments, func(e SegmentEntry) bool { return e.Name == segment })
	file := ""
	if i >= 0 {
		file = b.Manifest.Segments[i].Weights
	}
	e := b.entry(file, w.Expr.Name)
	if w.Kind != ir.ExprStored || e == nil {
		return nil, fmt.Errorf("bundle %s holds no weight %s of segment %s", b.Path, w.Name, segment)
	}
	return b.maps[e.File].Data[e.Offset : e.Offset+e.Bytes : e.Offset+e.Bytes], nil
}

// Stored returns the mapped data of the weight called name, wherever it lies.
// Where several files hold it, they hold the same.
func (b *Bundle) Stored(name string) ([]byte, error) {
	if e := b.byName[name]; e != nil {
		return b.maps[e.File].Data[e.Offset : e.Offset+e.Bytes : e.Offset+e.Bytes], nil
	}
	return nil, fmt.Errorf("bundle %s holds no weight %s", b.Path, name)
}

// Sources lists the checkpoint tensors behind the stored weights that e reads.
func (b *Bundle) Sources(e *ir.Expr) []string {
	var names []string
	e.Walk(func(x *ir.Expr) {
		if w := b.byName[x.Name]; x.Kind == ir.ExprStored && w != nil && names == nil {
			names = w.Sources
		}
	})
	return names
}

// File reads a file of the bundle that the manifest lists, at most limit
// bytes. It returns an error that wraps os.ErrNotExist when there is none.
func (b *Bundle) File(name string, limit int64) ([]byte, error) {
	if !slices.ContainsFunc(b.Manifest.Files, func(f FileEntry) bool { return f.Name == name }) {
		return nil, fmt.Errorf("bundle %s has no file %s: %w", b.Path, name, os.ErrNotExist)
	}
	p, err := folder.Resolve(b.Path, name)
	if err != nil {
		return nil, err
	}
	return folder.Read(p, limit)
}

// Close unmaps the weights.
func (b *Bundle) Close() error {
	var first error
	for _, m := range b.maps {
		if m == nil {
			continue
		}
		if err := m.Close(); first == nil {
			first = err
		}
	}
	b.maps = nil
	return first
}
