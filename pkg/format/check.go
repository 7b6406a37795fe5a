package format

import (
	"encoding/hex"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/tessera-llm/tessera/internal/folder"
	"github.com/tessera-llm/tessera/internal/jsonscan"
	"github.com/tessera-llm/tessera/pkg/codec"
	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/pkg/pack"
	"github.com/tessera-llm/tessera/pkg/target"
	"github.com/tessera-llm/tessera/pkg/tensor"
)

// minObject is less than the shortest entry of a list in a manifest. It keeps
// a small text from becoming a large table.
const minObject = 24

// checkText refuses what encoding/json lets pass: keys that occur twice or in
// another case, and tables of empty entries.
func checkText(text []byte) error {
	objects := 0
	s := jsonscan.New(text)
	var value func() error
	value = func() error {
		switch s.Peek() {
		case '{':
			if objects++; objects > len(text)/minObject+1 {
				return fmt.Errorf("more than %d entries in %d bytes", objects-1, len(text))
			}
			return s.Object(func(key string) error {
				if !manifestKeys[key] {
					return fmt.Errorf("unknown field %.40q", key)
				}
				return value()
			})
		case '[':
			return s.Array(func(int) error { return value() })
		}
		return s.Skip()
	}
	if err := value(); err != nil {
		return err
	}
	return s.End()
}

// manifestKeys are all keys of a manifest, in their one spelling.
var manifestKeys = keysOf(reflect.TypeFor[Manifest](), map[string]bool{})

func keysOf(t reflect.Type, keys map[string]bool) map[string]bool {
	for t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return keys
	}
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		keys[name] = true
		keysOf(t.Field(i).Type, keys)
	}
	return keys
}

// check checks a manifest by itself.
func (m *Manifest) check() error {
	if len(m.Files) > MaxFiles || len(m.Weights) > MaxWeights {
		return fmt.Errorf("%d files, %d weights: more than this program accepts", len(m.Files), len(m.Weights))
	}
	files, err := m.checkFiles()
	if err != nil {
		return err
	}
	if err := m.checkGraphs(files); err != nil {
		return err
	}
	if err := m.Meta.check(); err != nil {
		return fmt.Errorf("meta: %w", err)
	}
	return m.checkWeights(files)
}

// checkFiles returns the sizes of all files.
func (m *Manifest) checkFiles() (map[string]int64, error) {
	files := map[string]int64{}
	for _, f := range m.Files {
		if err := folder.CheckName(f.Name); err != nil {
			return nil, err
		}
		if _, dup := files[f.Name]; dup || f.Name == ManifestName {
			return nil, fmt.Errorf("file %q is listed twice, or is the manifest", f.Name)
		}
		if sum, err := hex.DecodeString(f.SHA256); err != nil || len(sum) != 32 || f.Bytes < 0 {
			return nil, fmt.Errorf("file %q: %d bytes with digest %.80q, want 64 hexadecimal digits", f.Name, f.Bytes, f.SHA256)
		}
		files[f.Name] = f.Bytes
	}
	return files, nil
}

var kinds = []string{ir.KindEmbed, ir.KindDecoder, ir.KindLogit, ir.KindTopK, ir.KindModel}

func (m *Manifest) checkGraphs(files map[string]int64) error {
	if len(m.Graphs) == 0 {
		return fmt.Errorf("no graphs")
	}
	seen := map[string]bool{}
	for _, g := range m.Graphs {
		if _, err := target.Lookup(g.Target); err != nil {
			return err
		}
		if seen[g.Target] {
			return fmt.Errorf("two lists of graphs for target %s", g.Target)
		}
		seen[g.Target] = true
		if err := checkSegments(g.Segments, files); err != nil {
			return fmt.Errorf("target %s: %w", g.Target, err)
		}
	}
	return nil
}

func checkSegments(list []SegmentEntry, files map[string]int64) error {
	if len(list) == 0 || len(list) > MaxFiles {
		return fmt.Errorf("%d segments, want 1 to %d", len(list), MaxFiles)
	}
	seen := map[string]bool{}
	for _, s := range list {
		_, hasFile := files[s.File]
		size, hasWeights := files[s.Weights]
		switch {
		case s.Name == "" || len(s.Name) > ir.MaxNameLen || seen[s.Name]:
			return fmt.Errorf("segment name %.60q is empty, too long or used twice", s.Name)
		case !slices.Contains(kinds, s.Kind):
			return fmt.Errorf("segment %q has kind %.40q, want one of %v", s.Name, s.Kind, kinds)
		case !hasFile:
			return fmt.Errorf("segment %q: its file %.60q is not listed", s.Name, s.File)
		case s.Weights != "" && !hasWeights:
			return fmt.Errorf("segment %q: its weight file %.60q is not listed", s.Name, s.Weights)
		case s.Weights != "" && size%FileAlign != 0:
			return fmt.Errorf("weight file %q has %d bytes, want a multiple of %d", s.Weights, size, FileAlign)
		}
		seen[s.Name] = true
	}
	return nil
}

func (m *Meta) check() error {
	for _, n := range []struct {
		what    string
		v, most int
	}{{"vocabulary", m.Vocab, ir.MaxChannels}, {"layers", m.Layers, ir.MaxNodes}, {"hidden size", m.Hidden, ir.MaxChannels}} {
		if n.v < 1 || n.v > n.most {
			return fmt.Errorf("%s is %d, want 1 to %d", n.what, n.v, n.most)
		}
	}
	if m.ContextLength < 0 || m.ContextLength > 1<<31-1 {
		return fmt.Errorf("context length is %d", m.ContextLength)
	}
	if kv, err := codec.ParsePair(m.KVType); err != nil {
		return err
	} else if kv.String() != m.KVType {
		return fmt.Errorf("cache type is %.50q, want %q", m.KVType, kv)
	}
	if m.BOS < -1 || int(m.BOS) >= m.Vocab {
		return fmt.Errorf("bos is %d in a vocabulary of %d", m.BOS, m.Vocab)
	}
	for _, id := range m.Stop {
		if id < 0 || int(id) >= m.Vocab {
			return fmt.Errorf("stop id %d in a vocabulary of %d", id, m.Vocab)
		}
	}
	return nil
}

// checkWeights checks the index: weights of a file stand in the order of their
// offsets.
func (m *Manifest) checkWeights(files map[string]int64) error {
	end := map[string]int64{}
	seen := map[[2]string]bool{}
	for _, w := range m.Weights {
		size, ok := files[w.File]
		key := [2]string{w.File, w.Name}
		switch {
		case w.Name == "" || len(w.Name) > ir.MaxNameLen:
			return fmt.Errorf("weight name %.60q is empty or too long", w.Name)
		case !ok:
			return fmt.Errorf("weight %q: its file %.60q is not listed", w.Name, w.File)
		case seen[key]:
			return fmt.Errorf("weight %q stands twice in %s", w.Name, w.File)
		case w.Offset < 0 || w.Bytes < 0 || w.Offset%TensorAlign != 0 || w.Bytes > size || w.Offset > size-w.Bytes:
			return fmt.Errorf("weight %q: bytes %d at offset %d of %s, which has %d bytes (offsets are multiples of %d)", w.Name, w.Bytes, w.Offset, w.File, size, TensorAlign)
		case w.Offset < end[w.File]:
			return fmt.Errorf("weight %q overlaps the one before it in %s", w.Name, w.File)
		}
		seen[key], end[w.File] = true, w.Offset+w.Bytes
		if err := w.checkSize(); err != nil {
			return fmt.Errorf("weight %q in %s: %w", w.Name, w.File, err)
		}
	}
	return nil
}

// checkSize compares the stored size with what type, shape and form need.
// form is the row of the table of forms.
func (w *WeightEntry) form() (*pack.Form, error) {
	order, err := tensor.ParseForm(w.Form)
	if err != nil {
		return nil, fmt.Errorf("unknown packing form %.40q", w.Form)
	}
	return pack.Of(order)
}

func (w *WeightEntry) checkSize() error {
	t, err := tensor.ParseType(w.Type)
	if err != nil {
		return err
	}
	if len(w.Shape) == 0 || len(w.Shape) > tensor.MaxRank {
		return fmt.Errorf("shape %v", w.Shape)
	}
	var n int64
	for _, r := range w.Rows {
		if r <= 0 || r > w.Shape[0]-n {
			return fmt.Errorf("member rows %v of %d rows", w.Rows, w.Shape[0])
		}
		n += r
	}
	if n != w.Shape[0] {
		return fmt.Errorf("member rows %v of %d rows", w.Rows, w.Shape[0])
	}
	form, err := w.form()
	if err != nil {
		return err
	}
	want, err := form.Bytes(t, w.Shape, w.Rows)
	if err != nil {
		return err
	}
	if want != w.Bytes {
		return fmt.Errorf("%d bytes, want %d for %s %v in form %s", w.Bytes, want, w.Type, w.Shape, w.Form)
	}
	return nil
}
