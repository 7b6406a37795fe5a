package safetensors

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	lib "github.com/nlpodyssey/safetensors"

	"github.com/tessera-llm/tessera/internal/hostile"
	"github.com/tessera-llm/tessera/internal/mmap"
	"github.com/tessera-llm/tessera/pkg/tensor"
)

// The files below testdata were written by the safetensors Python package, and
// expected.json holds what its reader sees: see testdata/gen/containers.py.

type pyTensor struct {
	Name, DType, SHA string
	Shape            []int64
}

func pyExpected(t testing.TB) map[string][]pyTensor {
	t.Helper()
	b, err := os.ReadFile("testdata/expected.json")
	if err != nil {
		t.Fatal(err)
	}
	var all map[string][]pyTensor
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

func open(t testing.TB, path string) *File {
	t.Helper()
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func writeFile(t testing.TB, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestDTypes holds the table against pkg/tensor and the library.
func TestDTypes(t *testing.T) {
	known := map[string]bool{}
	for i, d := range dtypes {
		l, err := lib.ParseDType(d.name)
		if (err != nil) != d.ext || err == nil && (l != d.lib || int(l.Size()) != d.typ.BlockBytes()) {
			t.Errorf("%s: library says %v, %v", d.name, l, err)
		}
		if name, ok := DType(d.typ); !ok || name != d.name || rank(d.typ) != i {
			t.Errorf("%s: DType gives %q", d.name, name)
		}
		known[d.typ.String()] = true
	}
	for _, ty := range tensor.Types() {
		if known[ty.String()] == ty.Quantised() {
			t.Errorf("%s: known %v", ty, known[ty.String()])
		}
	}
	if _, err := dtypeNamed("F5_NEW"); err == nil || !strings.Contains(err.Error(), `unsupported dtype "F5_NEW"`) {
		t.Error(err)
	}
}

func TestReadsPythonFiles(t *testing.T) {
	for name, want := range pyExpected(t) {
		f := open(t, filepath.Join("testdata", name))
		if got := len(f.Tensors()); got != len(want) {
			t.Errorf("%s: %d tensors, want %d", name, got, len(want))
		}
		for _, w := range want {
			g, err := f.Tensor(w.Name)
			if err != nil {
				t.Error(err)
				continue
			}
			sum := sha256.Sum256(g.Data)
			d, _ := DType(g.Type)
			if d != w.DType || !g.Shape.Equal(w.Shape) || hex.EncodeToString(sum[:8]) != w.SHA {
				t.Errorf("%s: %s is %s %v, want %s %v", name, w.Name, d, g.Shape, w.DType, w.Shape)
			}
		}
	}
	f := open(t, "testdata/all.safetensors")
	if md := f.Metadata(); len(md) != 1 || md[0] != (tensor.KV{Key: "format", Value: "pt"}) {
		t.Errorf("metadata %v", md)
	}
	got, err := f.Tensor("scalar")
	if err != nil || len(got.Shape) != 0 || len(got.Data) != 4 || cap(got.Data) != 4 {
		t.Errorf("scalar: %+v %v", got, err)
	}
	if got, err := f.Tensor("empty"); err != nil || got.Data == nil || len(got.Data) != 0 {
		t.Errorf("empty: %+v %v", got, err)
	}
	if _, err := f.Tensor("nope"); !errors.Is(err, tensor.ErrNotFound) {
		t.Error(err)
	}
	f.Advise("scalar", mmap.Random)
	if err := errors.Join(f.Unchanged(), f.Close(), f.Close()); err != nil {
		t.Error(err)
	}
	if _, err := f.Tensor("scalar"); err == nil {
		t.Error("tensor of a closed file")
	}
}

// encode writes a file with the data that the callback gives.
func encode(t testing.TB, o Options, data func(tensor.Info) []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := NewWriter(&out, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range o.Tensors {
		if err := w.WriteBytes(i.Name, data(i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if size, err := Size(o); err != nil || size != int64(out.Len()) {
		t.Errorf("Size says %d (%v), %d bytes written", size, err, out.Len())
	}
	return out.Bytes()
}

// TestRewritesPythonFiles shuffles the tensors, sorts them and writes the file
// again, byte for byte.
func TestRewritesPythonFiles(t *testing.T) {
	for name := range pyExpected(t) {
		path := filepath.Join("testdata", name)
		f := open(t, path)
		ts := f.Tensors()
		rand.New(rand.NewPCG(1, 2)).Shuffle(len(ts), func(i, j int) { ts[i], ts[j] = ts[j], ts[i] })
		Sort(ts)
		got := encode(t, Options{f.Metadata(), ts}, func(i tensor.Info) []byte {
			x, err := f.Tensor(i.Name)
			if err != nil {
				t.Fatal(err)
			}
			return x.Data
		})
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s: written file differs\n%.300q\n%.300q", name, got, want)
		}
	}
}

func decl(name string, ty tensor.Type, shape ...int64) tensor.Info {
	return tensor.Info{Name: name, Type: ty, Shape: shape}
}

// everyType declares one tensor per dtype, scalars and empties included, and
// awkward names.
func everyType() []tensor.Info {
	var ts []tensor.Info
	for _, d := range dtypes {
		ts = append(ts, decl("t."+d.name, d.typ, 3, 4), decl("e."+d.name, d.typ, 0, 5))
	}
	return append(ts, decl("", tensor.U8), decl("quote\" \\ \n\x01\x7f \u2028 <é>", tensor.F32, 1, 1, 1, 1, 1, 1, 1, 2))
}

func TestRoundTripEveryType(t *testing.T) {
	ts := everyType()
	fill := func(i tensor.Info) []byte {
		n, _ := tensor.Bytes(i.Type, i.Shape)
		return bytes.Repeat([]byte(i.Name+"x"), int(n)+1)[:n]
	}
	image := encode(t, Options{[]tensor.KV{{Key: "b", Value: "1"}, {Key: "a", Value: "\"ü\n"}}, ts}, fill)
	f := open(t, writeFile(t, "m", image))
	if md := f.Metadata(); len(md) != 2 || md[0].Key != "b" || md[1].Value != "\"ü\n" {
		t.Errorf("metadata %v", md)
	}
	for _, d := range ts {
		got, err := f.Tensor(d.Name)
		if err != nil || got.Type != d.Type || !got.Shape.Equal(d.Shape) || !bytes.Equal(got.Data, fill(d)) {
			t.Errorf("%q: %+v %v", d.Name, got.Info, err)
		}
	}
	h, err := ReadHeader(iotest.OneByteReader(bytes.NewReader(image)))
	if err != nil || h.FileSize != int64(len(image)) || len(h.Tensors) != len(ts) {
		t.Errorf("header alone: %+v %v", h, err)
	}
}

func TestReadHeaderIsBounded(t *testing.T) {
	for want, in := range map[string][]byte{
		"no header length":        {1, 2},
		"at most 100000000":       {255, 255, 255, 255, 255, 255, 255, 255},
		"95000000 bytes, 3":       append(binary.LittleEndian.AppendUint64(nil, 95000000), "{  "...),
		"header starts with \"\"": make([]byte, 8),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := ReadHeader(bytes.NewReader(in))
		runtime.ReadMemStats(&after)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
		if n := after.TotalAlloc - before.TotalAlloc; n > 1<<16 {
			t.Errorf("%s: %d bytes allocated", want, n)
		}
	}
}

func TestWriterRefuses(t *testing.T) {
	for want, o := range map[string]Options{
		"declared twice":       {Tensors: []tensor.Info{decl("a", tensor.F32), decl("a", tensor.F32)}},
		"reserved":             {Tensors: []tensor.Info{decl("__metadata__", tensor.F32)}},
		"metadata key \"k\"":   {Metadata: []tensor.KV{{Key: "k"}, {Key: "k"}}},
		"value is not valid":   {Metadata: []tensor.KV{{Key: "k", Value: "\xff"}}},
		"is not valid UTF-8":   {Tensors: []tensor.Info{decl("\xff", tensor.F32)}},
		"no type q4_k":         {Tensors: []tensor.Info{decl("a", tensor.Q4_K, 256)}},
		"negative dimension":   {Tensors: []tensor.Info{decl("a", tensor.F32, -1)}},
		"row of 3 elements":    {Tensors: []tensor.Info{decl("a", tensor.F4, 3)}},
		"the file is too larg": {Tensors: []tensor.Info{decl("a", tensor.U8, 1<<62), decl("b", tensor.U8, 1<<62)}},
	} {
		if _, err := NewWriter(io.Discard, o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	o := Options{Tensors: []tensor.Info{decl("a", tensor.F32, 2), decl("b", tensor.U8, 3)}}
	for want, f := range map[string]func(*Writer) error{
		"got 7 bytes, want 8":   func(w *Writer) error { return w.WriteBytes("a", make([]byte, 7)) },
		"more than the 8 bytes": func(w *Writer) error { return w.WriteBytes("a", make([]byte, 9)) },
		"want \"a\", the next":  func(w *Writer) error { return w.WriteBytes("b", make([]byte, 3)) },
		"0 of 2 tensors are":    func(w *Writer) error { return w.Close() },
		"all 2 declared tensors": func(w *Writer) error {
			w.WriteBytes("a", make([]byte, 8))
			w.WriteBytes("b", make([]byte, 3))
			return w.WriteBytes("c", nil)
		},
		"\"a\": got 0 bytes": func(w *Writer) error { w.WriteBytes("a", nil); return w.Close() },
	} {
		w, err := NewWriter(io.Discard, o)
		if err != nil {
			t.Fatal(err)
		}
		if err := f(w); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestShardWriter(t *testing.T) {
	var ts []tensor.Info
	for i := range 9 {
		ts = append(ts, decl("t"+strconv.Itoa(8-i), tensor.F16, int64(10*i+1)))
	}
	data := bytes.Repeat([]byte{3, 1, 4, 1, 5}, 100)
	for _, c := range []struct {
		max    int64
		shards int
	}{{0, 1}, {1, 9}, {300, 4}, {1 << 40, 1}} {
		var images [2]string
		for round := range images {
			dir := t.TempDir()
			o := ShardOptions{Options{[]tensor.KV{{Key: "format", Value: "pt"}}, ts}, c.max}
			w, err := NewShardWriter(dir, o)
			if err != nil {
				t.Fatal(err)
			}
			for i, d := range ts {
				n, _ := tensor.Bytes(d.Type, d.Shape)
				if err := w.WriteBytes(d.Name, data[i:int64(i)+n]); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			var f *File
			if c.shards == 1 {
				f = open(t, w.Paths()[0])
			} else {
				if f, err = OpenIndex(filepath.Join(dir, IndexName)); err != nil {
					t.Fatal(err)
				}
				defer f.Close()
			}
			if len(f.Shards()) != c.shards || len(f.Unmapped()) != 0 || len(f.Metadata()) != 1 {
				t.Errorf("%+v: %d shards, %d unmapped, metadata %v", c, len(f.Shards()), len(f.Unmapped()), f.Metadata())
			}
			for i, d := range ts {
				got, err := f.Tensor(d.Name)
				if err != nil || !bytes.Equal(got.Data, data[i:i+len(got.Data)]) {
					t.Errorf("%+v: %s: %v", c, d.Name, err)
				}
			}
			for _, p := range w.Paths() {
				b, err := os.ReadFile(p)
				if err != nil {
					t.Fatal(err)
				}
				images[round] += string(b)
			}
			if _, err := NewShardWriter(dir, o); !errors.Is(err, os.ErrExist) {
				t.Errorf("overwrites: %v", err)
			}
		}
		if images[0] != images[1] {
			t.Errorf("%+v: two runs differ", c)
		}
	}
}

// shardFiles writes two shards and an index with the given weight_map.
func shardFiles(t testing.TB, weightMap map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, ts := range map[string][]tensor.Info{
		"m1": {decl("a", tensor.U8, 1), decl("b", tensor.U8, 2)}, "m2": {decl("c", tensor.U8, 3), decl("b", tensor.U8, 4)},
	} {
		image := encode(t, Options{[]tensor.KV{{Key: "k", Value: name}}, ts}, func(i tensor.Info) []byte { return make([]byte, i.Shape[0]) })
		if err := os.WriteFile(filepath.Join(dir, name), image, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	b, err := json.Marshal(map[string]any{"weight_map": weightMap, "metadata": map[string]any{"total_size": 1e18}})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, IndexName)
	if err := os.WriteFile(path, b, 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestIndexMatchesBothWays(t *testing.T) {
	f, err := OpenIndex(shardFiles(t, map[string]string{"a": "m1", "b": "m2"}))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var extra []string
	for _, u := range f.Unmapped() {
		extra = append(extra, u.Name+"@"+filepath.Base(u.File))
	}
	if got := fmt.Sprint(extra); got != "[b@m1 c@m2]" {
		t.Errorf("unmapped %s", got)
	}
	if b, err := f.Tensor("b"); err != nil || b.Shape[0] != 4 {
		t.Errorf("b: %+v %v", b, err)
	}
	if _, err := f.Tensor("c"); !errors.Is(err, tensor.ErrNotFound) {
		t.Errorf("unmapped tensor found: %v", err)
	}
	if fmt.Sprint(f.Metadata()) != "[{k m1} {k m2}]" || f.IndexText() == nil {
		t.Errorf("metadata %v", f.Metadata())
	}
	for want, m := range map[string]map[string]string{
		`"a" is indexed in m2, found in m1`:            {"a": "m2", "b": "m1"},
		`"d" is indexed in m2, which does not hold it`: {"a": "m1", "d": "m2"},
		"shard 1 of 2": {"a": "absent", "b": "m1"},
	} {
		if _, err := OpenIndex(shardFiles(t, m)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestTruncatedWhileMapped(t *testing.T) {
	image := encode(t, Options{Tensors: []tensor.Info{decl("t", tensor.U8, 1<<20)}}, func(tensor.Info) []byte { return make([]byte, 1<<20) })
	path := writeFile(t, "m", image)
	f := open(t, path)
	if err := os.Truncate(path, 100); err != nil {
		t.Skipf("a mapped file cannot be truncated here: %v", err)
	}
	x, err := f.Tensor("t")
	if err != nil {
		t.Fatal(err)
	}
	var fault *mmap.FaultError
	err = mmap.Guard(func() error { _, err := bytes.NewReader(x.Data).WriteTo(&bytes.Buffer{}); return err })
	if !errors.As(err, &fault) || fault.Path != path || f.Unchanged() == nil {
		t.Errorf("got %v, want a fault in %s", err, path)
	}
}

// FuzzSafetensors parses arbitrary bytes; what is accepted must tile the file,
// can be written again, and passes the library's own check where that knows
// the types.
func FuzzSafetensors(f *testing.F) {
	for _, name := range []string{"all", "nometa"} {
		b, err := os.ReadFile("testdata/" + name + ".safetensors")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		f.Add(b[:len(b)-1])
	}
	for _, s := range []string{`{}`, `{"a":{"dtype":"F4","shape":[2],"data_offsets":[0,1]}}`, `{"a":{"dtype":"U8","shape":[],"data_offsets":[0,1]},"a":1}`} {
		f.Add(append(binary.LittleEndian.AppendUint64(nil, uint64(len(s))), s+"x"...))
	}
	addHostile(f, hostile.Safetensors, "model.safetensors")
	f.Fuzz(func(t *testing.T, data []byte) {
		h, err := parse(data)
		if err != nil {
			return
		}
		next := 8 + int64(len(h.Text))
		ext := false
		for _, i := range h.Tensors {
			if n, err := tensor.Bytes(i.Type, i.Shape); i.Off != next || err != nil || n != i.Bytes {
				t.Fatalf("%+v: want offset %d, %d bytes, %v", i, next, n, err)
			}
			next += i.Bytes
			ext = ext || dtypes[rank(i.Type)].ext
		}
		if next != int64(len(data)) {
			t.Fatalf("tensors end at %d of %d", next, len(data))
		}
		if _, err := Size(Options{h.Metadata, h.Tensors}); err != nil {
			t.Fatalf("read but not writable: %v", err)
		}
		if _, _, err := lib.ReadMetadata(data); err != nil && !ext {
			t.Fatalf("the library refuses what was accepted: %v", err)
		}
	})
}

// addHostile seeds a fuzz target with the malformed files of a format.
func addHostile(f *testing.F, format hostile.Format, name string) {
	for _, c := range hostile.Cases() {
		if c.Format != format {
			continue
		}
		path, err := c.Write(f.TempDir())
		if err != nil {
			f.Fatal(err)
		}
		if b, err := os.ReadFile(filepath.Join(path, name)); err == nil && len(b) < 1<<16 {
			f.Add(b)
		}
	}
}

// FuzzIndex: every accepted index names plain files.
func FuzzIndex(f *testing.F) {
	for _, s := range []string{`{"weight_map":{"a":"m.safetensors"},"metadata":{"total_size":1}}`, `{"weight_map":{"a":"../x"}}`, `{"weight_map":{}}`} {
		f.Add([]byte(s))
	}
	addHostile(f, hostile.Index, IndexName)
	f.Fuzz(func(t *testing.T, data []byte) {
		weights, err := parseIndex(data)
		if err == nil && len(weights) == 0 {
			t.Fatal("empty map accepted")
		}
		for _, w := range weights {
			if err == nil && (filepath.Base(w.file) != w.file || strings.ContainsAny(w.file, `/\`)) {
				t.Fatalf("%q accepted", w.file)
			}
		}
	})
}
