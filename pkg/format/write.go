package format

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tessera-llm/tessera/pkg/ir"
)

// Writer writes a bundle into a hidden folder beside its place. Only Commit
// makes it a bundle; Abort, or a kill at any moment, leaves nothing that
// opens.
type Writer struct {
	path  string // where the bundle will be
	stage *stage // where it is being written; nil after Commit and Abort
	force bool
	m     Manifest
	cur   *weightFile
}

// Create begins a bundle at path. When something exists there, it must be a
// bundle and force be set: it is then replaced by Commit. A symbolic link to a
// bundle stays; what it leads to is replaced.
func Create(path string, force bool) (*Writer, error) {
	if err := Replaceable(path, force); err != nil {
		return nil, err
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("create bundle %s: %w", path, err)
	}
	if real, err := filepath.EvalSymlinks(abs); err == nil {
		abs = real
	}
	st, err := newStage(filepath.Dir(abs), filepath.Base(abs))
	if err != nil {
		return nil, fmt.Errorf("create bundle %s: %w", path, err)
	}
	return &Writer{path: abs, stage: st, force: force, m: Manifest{Format: magic, Version: Version}}, nil
}

// Abort removes everything written. It does nothing after Commit.
func (w *Writer) Abort() {
	if w.stage == nil {
		return
	}
	if w.cur != nil {
		w.cur.f.Close()
	}
	w.stage.remove()
	w.stage = nil
}

// StartWeights begins the weight file called name.
func (w *Writer) StartWeights(name string) error {
	if err := w.endWeights(); err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(w.stage.dir, name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return w.failed(name, err)
	}
	w.cur = newWeightFile(name, f)
	return nil
}

// Weight appends a tensor to the current weight file; fill must write exactly
// e.Bytes bytes. File and Offset of e are set here.
func (w *Writer) Weight(e WeightEntry, fill func(io.Writer) error) error {
	c := w.cur
	if err := c.pad(TensorAlign); err != nil {
		return w.failed(c.name, err)
	}
	e.File, e.Offset = c.name, c.off
	if err := e.checkSize(); err != nil {
		return fmt.Errorf("weight %s: %w", e.Name, err)
	}
	if err := fill(c); err != nil {
		return w.failed(c.name, fmt.Errorf("weight %s: %w", e.Name, err))
	}
	if c.off != e.Offset+e.Bytes {
		return fmt.Errorf("weight %s: %d bytes written, want %d", e.Name, c.off-e.Offset, e.Bytes)
	}
	w.m.Weights = append(w.m.Weights, e)
	return nil
}

func (w *Writer) endWeights() error {
	c := w.cur
	if c == nil {
		return nil
	}
	w.cur = nil
	err := c.pad(FileAlign)
	if err == nil {
		err = c.flush()
	}
	if err == nil {
		err = c.f.Sync()
	}
	if e := c.f.Close(); err == nil {
		err = e
	}
	if err != nil {
		return w.failed(c.name, err)
	}
	w.m.Files = append(w.m.Files, FileEntry{Name: c.name, Bytes: c.off, SHA256: hex.EncodeToString(c.sum.Sum(nil))})
	return nil
}

// File adds a whole file.
func (w *Writer) File(name string, data []byte) error {
	if err := writeSynced(filepath.Join(w.stage.dir, name), data); err != nil {
		return w.failed(name, err)
	}
	sum := sha256.Sum256(data)
	w.m.Files = append(w.m.Files, FileEntry{Name: name, Bytes: int64(len(data)), SHA256: hex.EncodeToString(sum[:])})
	return nil
}

func writeSynced(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	return err
}

// Segment adds a segment of target's workflow behind the ones before it. The
// first target's weights are stored under their names, whatever they are made
// of; another's are expressions over stored weights. weights is the segment's
// weight file, "" when it has none of its own.
func (w *Writer) Segment(target string, s ir.Segment, weights string) error {
	g := w.m.For(target)
	if g == nil {
		w.m.Graphs = append(w.m.Graphs, TargetGraphs{Target: target})
		g = &w.m.Graphs[len(w.m.Graphs)-1]
	}
	first := g == &w.m.Graphs[0]
	data, err := encodeSegment(s, !first)
	if err != nil {
		return fmt.Errorf("segment %s: %w", s.Name, err)
	}
	e := describe(s)
	e.File, e.Weights = s.Name+".seg", weights
	if !first {
		e.File = s.Name + "." + target + ".seg"
	}
	g.Segments = append(g.Segments, e)
	return w.File(e.File, data)
}

// describe is what the manifest says about a segment's graph.
func describe(s ir.Segment) SegmentEntry {
	e := SegmentEntry{Name: s.Name, Kind: s.Kind, Inputs: []string{}, Outputs: []string{}}
	for _, v := range s.Graph.Inputs {
		e.Inputs = append(e.Inputs, s.Graph.Value(v).Name)
	}
	for _, v := range s.Graph.Outputs {
		e.Outputs = append(e.Outputs, s.Graph.Value(v).Name)
	}
	for _, st := range s.Graph.States {
		e.States = append(e.States, st.Name)
	}
	return e
}

// Commit finishes the bundle and puts it in its place. Fields of m that the
// writer keeps itself (graphs, weights, files) are ignored.
func (w *Writer) Commit(m Manifest) error {
	if err := w.endWeights(); err != nil {
		return err
	}
	w.m.Features, w.m.Source, w.m.Meta = m.Features, m.Source, m.Meta
	slices.SortFunc(w.m.Files, func(a, b FileEntry) int { return strings.Compare(a.Name, b.Name) })
	if err := w.m.check(); err != nil {
		return fmt.Errorf("bundle %s: %w", w.path, err)
	}
	text, err := w.m.encode()
	if err != nil {
		return fmt.Errorf("bundle %s: %w", w.path, err)
	}
	if err := writeSynced(filepath.Join(w.stage.dir, ManifestName), text); err != nil {
		return w.failed(ManifestName, err)
	}
	if err := w.place(); err != nil {
		return w.failed("the finished bundle", err)
	}
	w.stage.lock.Remove()
	w.stage = nil
	return nil
}

// place syncs the folder and renames it. A bundle in the way is exchanged in
// one step where the system can, and removed only when the new one stands.
func (w *Writer) place() error {
	if err := syncDir(w.stage.dir); err != nil {
		return err
	}
	for tries := 0; ; tries++ {
		if err := Replaceable(w.path, w.force); err != nil {
			return err
		}
		if _, err := os.Stat(w.path); err == nil {
			break
		}
		err := os.Rename(w.stage.dir, w.path)
		if err == nil {
			return syncDir(filepath.Dir(w.path))
		}
		// Another writer may have come first since the look: look again.
		if _, there := os.Stat(w.path); there != nil || tries == 100 {
			return err
		}
	}
	old, err := exchange(w.stage.dir, w.path)
	if err != nil {
		return err
	}
	if err := syncDir(filepath.Dir(w.path)); err != nil {
		return err
	}
	// The new bundle stands. What cannot be removed now is a stage without a
	// manifest, which the next writer removes.
	os.Remove(filepath.Join(old, ManifestName))
	os.RemoveAll(old)
	return nil
}

// failed says what was being written; a full disk gets advice.
func (w *Writer) failed(what string, err error) error {
	if diskFull(err) {
		return fmt.Errorf("write bundle %s: %s: the disk is full; nothing was left behind, free some space or choose another output: %w", w.path, what, err)
	}
	return fmt.Errorf("write bundle %s: %s: %w", w.path, what, err)
}
