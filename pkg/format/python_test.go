package format_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tessera-llm/tessera/internal/testutil"
	"github.com/tessera-llm/tessera/pkg/checkpoint"
	"github.com/tessera-llm/tessera/pkg/convert"
	"github.com/tessera-llm/tessera/pkg/format"
	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/pkg/pack"
	"github.com/tessera-llm/tessera/pkg/quant"
	"github.com/tessera-llm/tessera/pkg/tensor"
	"github.com/tessera-llm/tessera/pkg/tokenizer"
)

// reader runs docs/read_bundle.py; where there is no Python the test is skipped.
func reader(t *testing.T, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skipf("no Python to read a bundle with: %v", err)
	}
	cmd := exec.Command(python, append([]string{"-B", filepath.Join(testutil.Root(), "docs", "read_bundle.py")}, args...)...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	return out.String(), errs.String(), err
}

func reads(t *testing.T, args ...string) string {
	t.Helper()
	out, errs, err := reader(t, args...)
	if err != nil {
		t.Fatalf("read_bundle.py %q: %v\n%s", args, err, errs)
	}
	return out
}

// The reader is short and needs nothing but Python.
func TestReaderIsShort(t *testing.T) {
	text := string(read(t, testutil.Root(), "docs", "read_bundle.py"))
	if n := strings.Count(text, "\n"); n > 100 {
		t.Errorf("%d lines, at most 100", n)
	}
	if !strings.Contains(text, "\nimport hashlib, json, os, re, struct, sys\n") || strings.Count(text, "import ") != 1 {
		t.Error("it imports something else than a few modules of the standard library")
	}
	for _, typ := range types() {
		f := pack.Lookup(typ)
		row := fmt.Sprintf("%q: (%d, %d, %d, %d, ", typ, typ.BlockBytes(), f.LowBits, f.HighBits, f.Zero)
		if f.Floats != nil {
			row = fmt.Sprintf("%q: %d", typ, typ.BlockBytes())
		}
		if !strings.Contains(text, row) {
			t.Errorf("the reader has no row %s...", row)
		}
	}
}

// decoded is what the reader prints of a weight: with the digest of its values as f32.
func decoded(t *testing.T, b *format.Bundle) string {
	t.Helper()
	var out strings.Builder
	for _, w := range b.Manifest.Weights {
		data, err := b.Stored(w.Name)
		if err != nil {
			t.Fatal(err)
		}
		typ, err := tensor.ParseType(w.Type)
		if err != nil {
			t.Fatal(err)
		}
		order, err := tensor.ParseForm(w.Form)
		if err != nil {
			t.Fatal(err)
		}
		form, err := pack.Of(order)
		if err != nil {
			t.Fatal(err)
		}
		rows := w.Rows
		if len(w.Shape) == 1 {
			rows = []int64{1}
		}
		n := int64(0)
		for _, r := range rows {
			n += r
		}
		k := w.Shape[len(w.Shape)-1]
		sum, row := sha256.New(), make([]float32, k)
		for i := range n {
			if err := form.Gather(row, data, typ, rows, k, i); err != nil {
				t.Fatal(err)
			}
			for _, x := range row {
				binary.Write(sum, binary.LittleEndian, math.Float32bits(x))
			}
		}
		fmt.Fprintf(&out, "%s %s %s %s %x\n", w.File, w.Name, w.Type, w.Form, sum.Sum(nil))
	}
	return out.String()
}

// Every type in every form, written as weights of two members and K that is no multiple
// of a record where blocks allow it, is read in Python as in Go.
func TestReaderDecodes(t *testing.T) {
	sample := open(t, sound(t))
	path := filepath.Join(t.TempDir(), "types.tess")
	w, err := format.Create(path, false)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	if err := w.StartWeights("topk.bin"); err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(9, 7))
	members, n := []int64{19, 16, 5}, int64(40)
	for _, typ := range types() {
		k := max(96, int64(typ.BlockElems()))
		if typ.BlockElems() == 1 {
			k = 5
		}
		c, _ := quant.Lookup(typ)
		x := make([]float32, n*k)
		for i := range x {
			x[i] = float32(r.NormFloat64()) * float32(1+i%7)
		}
		clear(x[3*k : 4*k]) // a row of zero scales
		rowBytes, err := typ.RowBytes(k)
		if err != nil {
			t.Fatal(err)
		}
		rows := make([]byte, n*rowBytes)
		c.Encode(rows, x)
		for _, form := range []*pack.Form{pack.Rows, pack.P16} {
			size, err := form.Size(typ, members, k)
			if err != nil {
				t.Fatal(err)
			}
			data, at, from := make([]byte, size), int64(0), int64(0)
			for _, m := range members {
				part, err := form.Size(typ, []int64{m}, k)
				if err != nil {
					t.Fatal(err)
				}
				if err := form.Pack(data[at:at+part], rows[from*rowBytes:(from+m)*rowBytes], typ, m, k); err != nil {
					t.Fatal(err)
				}
				at, from = at+part, from+m
			}
			e := format.WeightEntry{Name: typ.String() + "." + form.Order.String(), Bytes: size, Type: typ.String(), Form: form.Order.String(), Shape: []int64{n, k}, Rows: members}
			if err := w.Weight(e, func(to io.Writer) error { _, err := to.Write(data); return err }); err != nil {
				t.Fatal(err)
			}
		}
	}
	last := sample.Segments[len(sample.Segments)-1]
	if err := w.Segment("cpu", last, "topk.bin"); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(*sample.Manifest); err != nil {
		t.Fatal(err)
	}
	b := open(t, path)
	if want, got := decoded(t, b), reads(t, path, "weights"); got != want {
		t.Errorf("Python reads\n%sGo\n%s", got, want)
	} else if n := strings.Count(got, "\n"); n != 2*len(types()) {
		t.Errorf("%d weights, want %d", n, 2*len(types()))
	}
}

// pythonSegment is what the reader prints of a segment: its entry of the manifest, and
// the message of its file with every field as a list.
type pythonSegment struct {
	Name    json.RawMessage `json:"name"`
	Weights string          `json:"weights"`
	Version []int           `json:"version"`
	Graph   []struct {
		Values []struct {
			Name  []string `json:"name"`
			Shape []int64  `json:"shape"`
		} `json:"values"`
		Inputs, Outputs []ir.ValueID
		Weights         []struct {
			Name []string `json:"name"`
		} `json:"weights"`
		Nodes []struct {
			Op, Weights, States []string
			In, Out             []ir.ValueID
			Attrs               []struct {
				Key []string
				I   []int64
				F   []float64
				S   []string
				L   []struct{ V []int64 }
			}
		} `json:"nodes"`
	} `json:"graph"`
}

// The graphs of a converted checkpoint and its weights are read in Python as in Go.
func TestReaderReadsGraphs(t *testing.T) {
	b := open(t, sound(t))
	lines := strings.Split(strings.TrimSpace(reads(t, b.Path)), "\n")
	if len(lines) != len(b.Segments) {
		t.Fatalf("%d segments, want %d", len(lines), len(b.Segments))
	}
	for i, s := range b.Segments {
		var p pythonSegment
		if err := json.Unmarshal([]byte(lines[i]), &p); err != nil {
			t.Fatal(err)
		}
		if p.Weights != b.Manifest.Graphs[0].Segments[i].Weights || len(p.Version) != 1 || p.Version[0] != format.SegmentVersion || len(p.Graph) != 1 {
			t.Errorf("segment %d: weights in %q, version %v", i, p.Weights, p.Version)
			continue
		}
		g, have := s.Graph.Renumber(), p.Graph[0]
		if !slices.Equal(have.Inputs, g.Inputs) || !slices.Equal(have.Outputs, g.Outputs) || len(have.Weights) != len(g.Weights) {
			t.Errorf("%s: inputs %v, outputs %v, %d weights", s.Name, have.Inputs, have.Outputs, len(have.Weights))
		}
		for j, v := range g.Values() {
			var shape []int64
			for _, d := range v.Type.Shape {
				shape = append(shape, int64(d))
			}
			if x := have.Values[j]; x.Name[0] != v.Name || !slices.Equal(x.Shape, shape) {
				t.Errorf("%s: value %d is %v %v, want %s %v", s.Name, j, x.Name, x.Shape, v.Name, shape)
			}
		}
		for j, n := range g.Nodes {
			x := have.Nodes[j]
			if x.Op[0] != string(n.Op) || !slices.Equal(x.In, n.In) || !slices.Equal(x.Out, n.Out) || !slices.Equal(x.Weights, n.Weights) || !slices.Equal(x.States, n.States) {
				t.Errorf("%s: node %d is %v, want %v", s.Name, j, x, n)
			}
			var attrs []ir.Attr
			for _, a := range x.Attrs {
				switch {
				case len(a.I) > 0:
					attrs = append(attrs, ir.IntAttr(a.Key[0], a.I[0]))
				case len(a.F) > 0:
					attrs = append(attrs, ir.FloatAttr(a.Key[0], a.F[0]))
				case len(a.S) > 0:
					attrs = append(attrs, ir.StringAttr(a.Key[0], a.S[0]))
				case len(a.L) > 0:
					attrs = append(attrs, ir.IntsAttr(a.Key[0], a.L[0].V...))
				}
			}
			if !reflect.DeepEqual(attrs, n.Attrs) {
				t.Errorf("%s: node %d says %v, want %v", s.Name, j, attrs, n.Attrs)
			}
		}
	}
	if want, got := decoded(t, b), reads(t, b.Path, "weights"); got != want {
		t.Errorf("Python reads\n%sGo\n%s", got, want)
	}
}

// A file that was damaged is refused by name.
func TestReaderRefuses(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "m.tess")
	if err := os.CopyFS(dir, os.DirFS(sound(t))); err != nil {
		t.Fatal(err)
	}
	data := read(t, dir, "topk.seg")
	data[len(data)/2] ^= 1
	if err := os.WriteFile(filepath.Join(dir, "topk.seg"), data, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, errs, err := reader(t, dir); err == nil || !strings.Contains(errs, "topk.seg is not what was written") {
		t.Errorf("a damaged file: %v, %q", err, errs)
	}
}

// Tokens of the trained checkpoint and of small tokenizers of every kind become the text
// in Python that they become in Go.
func TestReaderDecodesTokens(t *testing.T) {
	ck, err := checkpoint.Open(testutil.Model("war-and-peace"))
	if err != nil {
		t.Fatal(err)
	}
	defer ck.Close()
	plan, err := convert.NewPlan(context.Background(), ck, convert.Options{Type: quant.Keep})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "m.tess")
	if err := plan.Write(context.Background(), path, convert.WriteOptions{Workers: 2}); err != nil {
		t.Fatal(err)
	}
	compareTexts(t, "war-and-peace", path)
	files, err := filepath.Glob(filepath.Join(testutil.Root(), "pkg", "tokenizer", "testdata", "small", "*.json"))
	if err != nil || len(files) < 10 {
		t.Fatalf("%d small tokenizers (%v)", len(files), err)
	}
	compared := 0
	for _, f := range files {
		tok, err := tokenizer.FromJSON(read(t, f), nil)
		if err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		compiled, err := tok.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		if compareTexts(t, filepath.Base(f), withTokenizer(t, compiled)) {
			compared++
		}
	}
	t.Logf("%d of %d small tokenizers compared", compared, len(files))
	if compared < 8 {
		t.Errorf("the reader decodes %d of %d small tokenizers", compared, len(files))
	}
}

// withTokenizer writes a bundle of one graph with a compiled tokenizer.
func withTokenizer(t *testing.T, compiled []byte) string {
	t.Helper()
	sample := open(t, sound(t))
	path := filepath.Join(t.TempDir(), "m.tess")
	w, err := format.Create(path, false)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	if err := w.File(format.TokenizerFile, compiled); err != nil {
		t.Fatal(err)
	}
	if err := w.Segment("cpu", sample.Segments[len(sample.Segments)-1], ""); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(*sample.Manifest); err != nil {
		t.Fatal(err)
	}
	return path
}

// compareTexts decodes ids of texts and ids at random in both languages; false where the
// decoder has steps that the reader refuses.
func compareTexts(t *testing.T, name, path string) bool {
	t.Helper()
	tok, err := tokenizer.Load(read(t, path, format.TokenizerFile))
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(3, 4))
	var ids []int32
	for _, s := range []string{"The prince looked at  Natasha.", "\u00e9t\u00e9 \U0001f600 \u4e2d\u6587"} {
		list, err := tok.Encode(s, tokenizer.EncodeOptions{AddSpecial: true})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, list...)
	}
	for range 200 {
		ids = append(ids, r.Int32N(int32(tok.Size())))
	}
	args := []string{path, "text"}
	for _, id := range ids {
		args = append(args, strconv.Itoa(int(id)))
	}
	out, errs, err := reader(t, args...)
	if err != nil {
		if strings.Contains(errs, "steps that this reader lacks") {
			return false
		}
		t.Fatalf("%s: %v\n%s", name, err, errs)
	}
	var got string
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	if want := tok.Decode(ids, tokenizer.DecodeOptions{}); got != want {
		t.Errorf("%s: %v is %q in Python, %q in Go", name, ids, got, want)
	}
	return true
}
