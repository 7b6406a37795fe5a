package format

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"github.com/tessera-llm/tessera/internal/folder"
	"github.com/tessera-llm/tessera/pkg/pack"
	"github.com/tessera-llm/tessera/pkg/tensor"
)

// ManifestName is the file that makes a folder a bundle.
const ManifestName = "manifest.json"

// magic is the manifest's "format".
const magic = "tessera-bundle"

// Manifest describes a bundle.
type Manifest struct {
	Format   string         `json:"format"` // "tessera-bundle"
	Version  int            `json:"version"`
	Features []string       `json:"features"` // required of the reader
	Target   string         `json:"target"`
	Source   Source         `json:"source"`
	Meta     Meta           `json:"meta"`
	Segments []SegmentEntry `json:"segments"` // the workflow: in order of execution
	Weights  []WeightEntry  `json:"weights"`
	Files    []FileEntry    `json:"files"` // every file but the manifest, by name
}

// Source says what the bundle was made of and how.
type Source struct {
	Kind        string   `json:"kind"`        // hf, gguf or bundle
	Fingerprint string   `json:"fingerprint"` // of the checkpoint, path-independent
	Type        string   `json:"type"`        // --type
	Disabled    []string `json:"disabled_passes,omitempty"`
	StopAfter   string   `json:"stop_after,omitempty"`
}

// Meta is what users of a model need to know beside its graphs.
type Meta struct {
	Name          string   `json:"name"`
	Arch          string   `json:"arch"`
	Layers        int      `json:"layers"`
	Hidden        int      `json:"hidden"`
	Vocab         int      `json:"vocab"`
	ContextLength int      `json:"context_length"`
	KVType        string   `json:"kv_type"` // default cache type
	BOS           int32    `json:"bos"`     // -1: none
	Stop          []int32  `json:"stop"`    // ids that end generation
	Sampling      Sampling `json:"sampling"`
}

// Sampling is generation_config's part of Meta: defaults for a sampler. Zero
// values mean "not stated".
type Sampling struct {
	DoSample          bool    `json:"do_sample"`
	Temperature       float32 `json:"temperature"`
	TopK              int     `json:"top_k"`
	TopP              float32 `json:"top_p"`
	MinP              float32 `json:"min_p"`
	RepetitionPenalty float32 `json:"repetition_penalty"`
}

// SegmentEntry is one step of the workflow. Inputs are external inputs of the
// model or outputs of earlier segments, by name.
type SegmentEntry struct {
	Name    string   `json:"name"`
	Kind    string   `json:"kind"`
	File    string   `json:"file"`
	Weights string   `json:"weights,omitempty"` // its own weight file
	Inputs  []string `json:"inputs"`
	Outputs []string `json:"outputs"`
	States  []string `json:"states,omitempty"`
}

// WeightEntry is one tensor of a weight file. Shape is the logical one; the
// stored bytes follow from type, rows, K and form (pkg/pack).
type WeightEntry struct {
	Name    string   `json:"name"`
	File    string   `json:"file"`
	Offset  int64    `json:"offset"`
	Bytes   int64    `json:"bytes"`
	Type    string   `json:"type"`
	Form    string   `json:"form"`
	Shape   []int64  `json:"shape"`
	Rows    []int64  `json:"rows"`              // members of a concatenation
	Sources []string `json:"sources,omitempty"` // tensors of the checkpoint
}

// FileEntry is one file of the bundle.
type FileEntry struct {
	Name   string `json:"name"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// encode prints the manifest, readable and always the same way.
func (m *Manifest) encode() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(m); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// decodeManifest parses and checks a manifest by itself, without looking at
// the files it names.
func decodeManifest(text []byte) (*Manifest, error) {
	var head struct {
		Format   string   `json:"format"`
		Version  *int     `json:"version"`
		Features []string `json:"features"`
	}
	if err := json.Unmarshal(text, &head); err != nil {
		return nil, fmt.Errorf("not JSON as a manifest should be: %w", err)
	}
	if head.Format != magic {
		return nil, fmt.Errorf("format is %.40q, want %q: not a Tessera bundle", head.Format, magic)
	}
	if head.Version == nil || *head.Version != Version {
		return nil, fmt.Errorf("bundle version %s, this program reads version %d: convert the checkpoint again with this program, or use the one that wrote it", number(head.Version), Version)
	}
	for _, f := range head.Features {
		if !slices.Contains(Features, f) {
			return nil, fmt.Errorf("the bundle needs feature %.40q, which this program does not have: use a newer one", f)
		}
	}
	m := &Manifest{}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(m); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("text behind the end of the manifest")
	}
	return m, m.check()
}

func number(v *int) string {
	if v == nil {
		return "none"
	}
	return fmt.Sprint(*v)
}

func (m *Manifest) check() error {
	if len(m.Files) > MaxFiles || len(m.Weights) > MaxWeights || len(m.Segments) > MaxFiles {
		return fmt.Errorf("%d files, %d weights, %d segments: more than this program accepts", len(m.Files), len(m.Weights), len(m.Segments))
	}
	files := map[string]int64{}
	for _, f := range m.Files {
		if err := folder.CheckName(f.Name); err != nil {
			return err
		}
		if _, dup := files[f.Name]; dup || f.Bytes < 0 || f.Name == ManifestName {
			return fmt.Errorf("file %q is listed twice, or has a bad size", f.Name)
		}
		files[f.Name] = f.Bytes
	}
	for _, s := range m.Segments {
		if _, ok := files[s.File]; !ok {
			return fmt.Errorf("segment %q: its file %q is not listed", s.Name, s.File)
		}
		if _, ok := files[s.Weights]; s.Weights != "" && !ok {
			return fmt.Errorf("segment %q: its weight file %q is not listed", s.Name, s.Weights)
		}
	}
	if len(m.Segments) == 0 {
		return fmt.Errorf("no segments")
	}
	if m.Meta.Vocab < 1 || m.Meta.Layers < 1 || m.Meta.Hidden < 1 || m.Meta.ContextLength < 0 {
		return fmt.Errorf("meta: vocabulary %d, %d layers, hidden size %d, context %d", m.Meta.Vocab, m.Meta.Layers, m.Meta.Hidden, m.Meta.ContextLength)
	}
	return m.checkWeights(files)
}

func (m *Manifest) checkWeights(files map[string]int64) error {
	end := map[string]int64{}
	seen := map[[2]string]bool{}
	for _, w := range m.Weights {
		size, ok := files[w.File]
		key := [2]string{w.File, w.Name}
		switch {
		case !ok:
			return fmt.Errorf("weight %q: its file %q is not listed", w.Name, w.File)
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
func (w *WeightEntry) checkSize() error {
	t, err := tensor.ParseType(w.Type)
	if err != nil {
		return err
	}
	var want int64
	switch w.Form {
	case "rows":
		want, err = tensor.Bytes(t, w.Shape)
	case "p16":
		if len(w.Shape) != 2 {
			return fmt.Errorf("shape %v of a packed weight, want [N, K]", w.Shape)
		}
		var n int64
		for _, r := range w.Rows {
			if r <= 0 || r > w.Shape[0] {
				return fmt.Errorf("member rows %v of %d rows", w.Rows, w.Shape[0])
			}
			n += r
			if n > w.Shape[0] {
				return fmt.Errorf("member rows %v of %d rows", w.Rows, w.Shape[0])
			}
		}
		if n != w.Shape[0] {
			return fmt.Errorf("member rows %v of %d rows", w.Rows, w.Shape[0])
		}
		want, err = pack.Size(t, w.Rows, w.Shape[1])
	default:
		return fmt.Errorf("unknown packing form %.40q", w.Form)
	}
	if err != nil {
		return err
	}
	if want != w.Bytes {
		return fmt.Errorf("%d bytes, want %d for %s %v in form %s", w.Bytes, want, w.Type, w.Shape, w.Form)
	}
	return nil
}
