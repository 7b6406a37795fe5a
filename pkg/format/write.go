package format

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tessera-llm/tessera/internal/filelock"
	"github.com/tessera-llm/tessera/pkg/ir"
)

// Writer writes a bundle into a hidden folder beside its place. Only Commit
// makes it a bundle; Abort, or a kill at any moment, leaves nothing that
// opens.
type Writer struct {
	path  string // where the bundle will be
	tmp   string // where it is being written
	lock  *filelock.Lock
	force bool
	m     Manifest
	cur   *weightFile
}

// weightFile is a weight file being written.
type weightFile struct {
	name string
	f    *os.File
	buf  *bufio.Writer
	sum  hash.Hash
	off  int64
}

// Create begins a bundle at path. When something exists there, it must be a
// bundle and force be set: it is then replaced by Commit.
func Create(path string, force bool) (*Writer, error) {
	path = filepath.Clean(path)
	if err := Replaceable(path, force); err != nil {
		return nil, err
	}
	dir, base := filepath.Split(path)
	if dir == "" {
		dir = "."
	}
	removeStale(dir, base)
	tmp, err := os.MkdirTemp(dir, partialPrefix(base))
	if err != nil {
		return nil, fmt.Errorf("create bundle %s: %w", path, err)
	}
	if err := os.Chmod(tmp, 0o755); err != nil {
		os.RemoveAll(tmp)
		return nil, fmt.Errorf("create bundle %s: %w", path, err)
	}
	lock, err := filelock.Try(filepath.Join(tmp, lockName))
	if err != nil {
		os.RemoveAll(tmp)
		return nil, fmt.Errorf("create bundle %s: %w", path, err)
	}
	return &Writer{path: path, tmp: tmp, lock: lock, force: force, m: Manifest{Format: magic, Version: Version}}, nil
}

// lockName is the file that a living writer holds locked in its folder.
const lockName = ".writing"

func partialPrefix(base string) string { return "." + base + ".partial-" }

// removeStale removes what killed writers of the same bundle left behind.
func removeStale(dir, base string) {
	left, _ := filepath.Glob(filepath.Join(dir, globQuote(partialPrefix(base))+"*"))
	for _, p := range left {
		if lock, err := filelock.Try(filepath.Join(p, lockName)); err == nil {
			lock.Close()
			os.RemoveAll(p)
		}
	}
}

func globQuote(s string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(s)
}

// Replaceable tells whether a bundle may be written at path: nothing is there,
// or an empty folder, or, with force, a bundle. Anything else is the user's
// and stays.
func Replaceable(path string, force bool) error {
	entries, err := os.ReadDir(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("%s exists and is not a folder: choose another output", path)
	case len(entries) == 0:
		return nil
	}
	if _, err := os.Stat(filepath.Join(path, ManifestName)); err != nil {
		return fmt.Errorf("%s is a folder with other things in it and not a bundle: choose another output", path)
	}
	if !force {
		return fmt.Errorf("%s exists already: use --force to replace it", path)
	}
	return nil
}

// Abort removes everything written. It does nothing after Commit.
func (w *Writer) Abort() {
	if w.tmp == "" {
		return
	}
	if w.cur != nil {
		w.cur.f.Close()
	}
	w.lock.Close()
	os.RemoveAll(w.tmp)
	w.tmp = ""
}

// StartWeights begins the weight file called name.
func (w *Writer) StartWeights(name string) error {
	if err := w.endWeights(); err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(w.tmp, name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return w.failed(name, err)
	}
	w.cur = &weightFile{name: name, f: f, buf: bufio.NewWriterSize(f, 1<<20), sum: sha256.New()}
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

func (c *weightFile) Write(p []byte) (int, error) {
	n, err := c.buf.Write(p)
	c.sum.Write(p[:n])
	c.off += int64(n)
	return n, err
}

func (c *weightFile) pad(align int64) error {
	var zero [4096]byte
	for rest := (align - c.off%align) % align; rest > 0; {
		n := min(rest, int64(len(zero)))
		if _, err := c.Write(zero[:n]); err != nil {
			return err
		}
		rest -= n
	}
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
		err = c.buf.Flush()
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
	if err := writeSynced(filepath.Join(w.tmp, name), data); err != nil {
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

// Segment adds a segment behind the ones before it. weights is its weight
// file, "" when it has none of its own.
func (w *Writer) Segment(s ir.Segment, weights string) error {
	data, err := encodeSegment(s)
	if err != nil {
		return fmt.Errorf("segment %s: %w", s.Name, err)
	}
	e := SegmentEntry{Name: s.Name, Kind: s.Kind, File: s.Name + ".seg", Weights: weights, Inputs: []string{}, Outputs: []string{}}
	for _, v := range s.Graph.Inputs {
		e.Inputs = append(e.Inputs, s.Graph.Value(v).Name)
	}
	for _, v := range s.Graph.Outputs {
		e.Outputs = append(e.Outputs, s.Graph.Value(v).Name)
	}
	for _, st := range s.Graph.States {
		e.States = append(e.States, st.Name)
	}
	w.m.Segments = append(w.m.Segments, e)
	return w.File(e.File, data)
}

// Commit finishes the bundle and puts it in its place. Fields of m that the
// writer keeps itself (segments, weights, files) are ignored.
func (w *Writer) Commit(m Manifest) error {
	if err := w.endWeights(); err != nil {
		return err
	}
	w.m.Features, w.m.Target, w.m.Source, w.m.Meta = m.Features, m.Target, m.Source, m.Meta
	slices.SortFunc(w.m.Files, func(a, b FileEntry) int { return strings.Compare(a.Name, b.Name) })
	if err := w.m.check(); err != nil {
		return fmt.Errorf("bundle %s: %w", w.path, err)
	}
	text, err := w.m.encode()
	if err != nil {
		return fmt.Errorf("bundle %s: %w", w.path, err)
	}
	w.lock.Close()
	if err := os.Remove(filepath.Join(w.tmp, lockName)); err != nil {
		return w.failed(lockName, err)
	}
	if err := writeSynced(filepath.Join(w.tmp, ManifestName), text); err != nil {
		return w.failed(ManifestName, err)
	}
	if err := w.place(); err != nil {
		return w.failed("the finished bundle", err)
	}
	w.tmp = ""
	return nil
}

// place syncs the folder and renames it. A bundle in the way is exchanged in
// one step where the system can, and removed only when the new one stands.
func (w *Writer) place() error {
	if err := syncDir(w.tmp); err != nil {
		return err
	}
	if err := Replaceable(w.path, w.force); err != nil {
		return err
	}
	if _, err := os.Stat(w.path); err == nil {
		old, err := exchange(w.tmp, w.path)
		if err != nil {
			return err
		}
		if err := syncDir(filepath.Dir(w.path)); err != nil {
			return err
		}
		return os.RemoveAll(old)
	}
	if err := os.Rename(w.tmp, w.path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(w.path))
}

// failed says what was being written; a full disk gets advice.
func (w *Writer) failed(what string, err error) error {
	if diskFull(err) {
		return fmt.Errorf("write bundle %s: %s: the disk is full; nothing was left behind, free some space or choose another output: %w", w.path, what, err)
	}
	return fmt.Errorf("write bundle %s: %s: %w", w.path, what, err)
}
