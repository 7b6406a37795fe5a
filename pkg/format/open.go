package format

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tessera-llm/tessera/internal/folder"
	"github.com/tessera-llm/tessera/internal/mmap"
	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/pkg/target"
	"github.com/tessera-llm/tessera/pkg/tensor"
	"github.com/tessera-llm/tessera/pkg/weights"
)

// Bundle is an open bundle with the graphs for one target. Weights are mapped;
// nothing of them is read by Open.
type Bundle struct {
	Path     string
	Manifest *Manifest
	Digest   string // hex SHA-256 of the manifest, which holds the digests of all other files
	Target   string
	Segments []ir.Segment // weights are ExprStored, named as in the index, or views of those

	maps   map[string]*mmap.Mapping
	index  map[[2]string]*WeightEntry // (file, weight)
	byName map[string]*WeightEntry    // the first of each name
	views  map[string]*weights.Memory // by segment
}

// IsBundle reports whether path looks like a bundle: a folder with a
// manifest.
func IsBundle(path string) bool {
	st, err := os.Stat(filepath.Join(path, ManifestName))
	return err == nil && st.Mode().IsRegular()
}

// Open opens the bundle at path with the graphs for its first target, checks
// its manifest and its graphs, and maps its weights. Errors name the file.
func Open(path string) (*Bundle, error) { return open(path, "", "") }

// OpenFor is Open with the graphs for the named target, "" for the first.
func OpenFor(path, target string) (*Bundle, error) { return open(path, target, "") }

// OpenSegment opens one segment of the bundle at path, for the named target or
// with "" the first one. Only the files it needs have to be there: the
// manifest, its graph, and the weight files its graph reads. So a machine that
// runs one segment holds that part of the model.
func OpenSegment(path, target, segment string) (*Bundle, error) { return open(path, target, segment) }

func open(path, name, only string) (*Bundle, error) {
	var text []byte
	file, err := folder.Resolve(path, ManifestName)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%s is not a bundle: it has no %s", path, ManifestName)
	}
	if err == nil {
		text, err = folder.Read(file, MaxManifest)
	}
	if err != nil {
		return nil, fmt.Errorf("bundle: %w", err)
	}
	m, err := decodeManifest(text)
	if err != nil {
		return nil, fmt.Errorf("bundle %s: %s: %w", path, ManifestName, err)
	}
	g := m.For(name)
	if g == nil {
		has := fmt.Sprintf("bundle %s has graphs for %s, not for %.40q", path, strings.Join(m.Targets(), ", "), name)
		if _, err := target.Lookup(name); err != nil {
			return nil, fmt.Errorf("%s: %w", has, err)
		}
		return nil, fmt.Errorf("%s: convert the checkpoint with --target %s,%s", has, strings.Join(m.Targets(), ","), name)
	}
	sum := sha256.Sum256(text)
	b := &Bundle{Path: path, Manifest: m, Digest: hex.EncodeToString(sum[:]), Target: g.Target, maps: map[string]*mmap.Mapping{}, index: map[[2]string]*WeightEntry{},
		byName: map[string]*WeightEntry{}, views: map[string]*weights.Memory{}}
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
	graphs := b.Manifest.For(b.Target).Segments
	for _, e := range graphs {
		if only != "" && e.Name != only {
			continue
		}
		s, err := b.segment(e, b.Target == b.Manifest.Graphs[0].Target)
		if err != nil {
			return fmt.Errorf("%s: %w", e.File, err)
		}
		for _, name := range storedNames(s.Graph) {
			if err := b.mapFile(b.entry(e.Weights, name).File); err != nil {
				return err
			}
		}
		b.Segments = append(b.Segments, s)
		b.views[e.Name] = weights.NewMemory(storedSource{b, e.Weights}, viewWorkers)
	}
	if only != "" && len(b.Segments) == 0 {
		var names []string
		for _, e := range graphs {
			names = append(names, e.Name)
		}
		return fmt.Errorf("no segment %q; there are %s", only, strings.Join(names, ", "))
	}
	return nil
}

// SegmentsFor reads the graphs for another target that the bundle has.
func (b *Bundle) SegmentsFor(target string) ([]ir.Segment, error) {
	g := b.Manifest.For(target)
	if g == nil {
		return nil, fmt.Errorf("bundle %s has no graphs for target %.40q", b.Path, target)
	}
	var segs []ir.Segment
	for _, e := range g.Segments {
		s, err := b.segment(e, g == &b.Manifest.Graphs[0])
		if err != nil {
			return nil, fmt.Errorf("bundle %s: %s: %w", b.Path, e.File, err)
		}
		segs = append(segs, s)
	}
	return segs, nil
}

// storedNames lists the stored weights that the weights of g are made of.
func storedNames(g *ir.Graph) []string {
	var names []string
	for _, w := range g.Weights {
		w.Expr.Walk(func(e *ir.Expr) {
			if e.Kind == ir.ExprStored {
				names = append(names, e.Name)
			}
		})
	}
	return names
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

// segment reads a graph; first says that it is the first target's, whose
// weights are its own and those of the shared file.
func (b *Bundle) segment(e SegmentEntry, first bool) (ir.Segment, error) {
	data, err := b.File(e.File, MaxSegment)
	if err != nil {
		return ir.Segment{}, err
	}
	s, err := decodeSegment(data, !first, func(name string) (*ir.Expr, error) {
		w := b.entry(e.Weights, name)
		if w == nil || first && w.File != e.Weights && w.File != SharedFile {
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
// shared one, then in any, since a segment for another target may view weights
// of a neighbour. Where several files hold a weight, they hold the same.
func (b *Bundle) entry(file, name string) *WeightEntry {
	if w := b.index[[2]string{file, name}]; w != nil {
		return w
	}
	if w := b.index[[2]string{SharedFile, name}]; w != nil {
		return w
	}
	return b.byName[name]
}

// data is the mapped content of an entry.
func (b *Bundle) data(e *WeightEntry) ([]byte, error) {
	m := b.maps[e.File]
	if m == nil {
		return nil, fmt.Errorf("bundle %s: weight %s lies in %s, which is not open", b.Path, e.Name, e.File)
	}
	return m.Data[e.Offset : e.Offset+e.Bytes : e.Offset+e.Bytes], nil
}

// storedSource finds stored weights as a segment with that weight file does.
type storedSource struct {
	b    *Bundle
	file string
}

func (s storedSource) Stored(name string) ([]byte, error) {
	if e := s.b.entry(s.file, name); e != nil {
		return s.b.data(e)
	}
	return nil, fmt.Errorf("bundle %s holds no weight %.60q", s.b.Path, name)
}

// Tensor is for expressions over a checkpoint, which a bundle has none of.
func (s storedSource) Tensor(name string) (tensor.Tensor, error) {
	return tensor.Tensor{}, fmt.Errorf("bundle %s holds no tensor %.60q of a checkpoint", s.b.Path, name)
}

// viewWorkers is the number of goroutines that make a view which is not a run
// of mapped bytes.
const viewWorkers = 4

// Bytes returns the data of w, a weight of the named segment: mapped, or for a
// view in another form made once and kept.
func (b *Bundle) Bytes(segment string, w *ir.Weight) ([]byte, error) {
	g := b.Manifest.For(b.Target)
	i := slices.IndexFunc(g.Segments, func(e SegmentEntry) bool { return e.Name == segment })
	if i < 0 || b.views[segment] == nil {
		return nil, fmt.Errorf("bundle %s: segment %s is not open", b.Path, segment)
	}
	if w.Kind != ir.ExprStored {
		return b.views[segment].Bytes(segment, w)
	}
	e := b.entry(g.Segments[i].Weights, w.Expr.Name)
	if e == nil {
		return nil, fmt.Errorf("bundle %s holds no weight %s of segment %s", b.Path, w.Name, segment)
	}
	return b.data(e)
}

// Extent says where w, a weight of the named segment, lies in a file of the
// bundle; false for a view that is not a run of stored bytes.
func (b *Bundle) Extent(segment string, w *ir.Weight) (tensor.Extent, bool) {
	data, err := b.Bytes(segment, w)
	if err != nil {
		return tensor.Extent{}, false
	}
	for _, m := range b.maps {
		if at, ok := mmap.Offset(m.Data, data); ok {
			return tensor.Extent{File: m.Path, Offset: at, Length: int64(len(data)), Mapping: m.Data}, true
		}
	}
	return tensor.Extent{}, false
}

// Stored returns the mapped data of the weight called name, wherever it lies.
// Where several files hold it, they hold the same.
func (b *Bundle) Stored(name string) ([]byte, error) {
	if e := b.byName[name]; e != nil {
		return b.data(e)
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
