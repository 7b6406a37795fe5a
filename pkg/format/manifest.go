package format

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
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
	Source   Source         `json:"source"`
	Meta     Meta           `json:"meta"`
	Graphs   []TargetGraphs `json:"graphs"` // one per target; weights are stored as the first wants them
	Weights  []WeightEntry  `json:"weights"`
	Files    []FileEntry    `json:"files"` // every file but the manifest, by name
}

// Source says what the bundle was made of and how.
type Source struct {
	Kind        string   `json:"kind"`                   // hf or gguf
	Fingerprint string   `json:"fingerprint"`            // of the checkpoint, path-independent
	Type        string   `json:"type"`                   // --type
	IgnoredKeys []string `json:"ignored_keys,omitempty"` // --ignore-key: settings of the checkpoint taken as absent
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

// TargetGraphs is the workflow for one target.
type TargetGraphs struct {
	Target   string         `json:"target"`   // a row of pkg/target
	Segments []SegmentEntry `json:"segments"` // in order of execution
}

// For returns the workflow for the named target, "" for the first one, nil
// when the bundle has none for it.
func (m *Manifest) For(target string) *TargetGraphs {
	for i := range m.Graphs {
		if target == "" || m.Graphs[i].Target == target {
			return &m.Graphs[i]
		}
	}
	return nil
}

// Targets lists the targets that the bundle has graphs for.
func (m *Manifest) Targets() []string {
	names := make([]string, len(m.Graphs))
	for i, g := range m.Graphs {
		names[i] = g.Target
	}
	return names
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
	if err := checkText(text); err != nil {
		return nil, err
	}
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
