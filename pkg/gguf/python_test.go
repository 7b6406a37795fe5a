package gguf

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"testing"

	"github.com/tessera-llm/tessera/pkg/tensor"
)

// The files below testdata were written by the gguf Python package, and
// expected.json by its reader: see testdata/gen/containers.py.

type pyFile struct {
	KV []struct {
		Key   string
		Types []uint32
		Value json.RawMessage
	} `json:"kv"`
	Tensors []struct {
		Name, Type, SHA string
		NE              []int64
		Bytes, Off      int64
	}
}

func pyExpected(t testing.TB) map[string]pyFile {
	t.Helper()
	b, err := os.ReadFile("testdata/expected.json")
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]pyFile
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

// floatText prints a float as text that parses back to it.
func floatText(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }

// decode turns a value into what json.Unmarshal with UseNumber would give.
func decode(v Value) any {
	if v.Type() == Array {
		out := []any{}
		if v.Elem() == String {
			for _, s := range v.Strings() {
				out = append(out, s)
			}
			return out
		}
		for i := range v.Len() {
			one := Value{typ: v.elem, raw: v.raw[i*valueTypes[v.elem].size:][:valueTypes[v.elem].size]}
			out = append(out, decode(one))
		}
		return out
	}
	if s, ok := v.Str(); ok {
		return s
	}
	if b, ok := v.Bool(); ok {
		return b
	}
	if x, ok := v.Float(); ok {
		return floatText(x)
	}
	return json.Number(v.Text())
}

// sameValue compares, floats by number: Python prints them in its own way.
func sameValue(got, want any) bool {
	if g, ok := got.([]any); ok {
		w, ok := want.([]any)
		if !ok || len(g) != len(w) {
			return false
		}
		for i := range g {
			if !sameValue(g[i], w[i]) {
				return false
			}
		}
		return true
	}
	gs, ok1 := got.(string)
	ws, ok2 := want.(string)
	if ok1 && ok2 && gs != ws {
		a, e1 := strconv.ParseFloat(gs, 64)
		b, e2 := strconv.ParseFloat(ws, 64)
		return e1 == nil && e2 == nil && a == b
	}
	return reflect.DeepEqual(got, want)
}

func TestReadsPythonFiles(t *testing.T) {
	for name, want := range pyExpected(t) {
		s, err := openShard(filepath.Join("testdata", name))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		defer s.m.Close()
		h := s.head
		if len(h.keys) != len(want.KV) || len(h.infos) != len(want.Tensors) {
			t.Errorf("%s: %d keys and %d tensors, want %d and %d", name, len(h.keys), len(h.infos), len(want.KV), len(want.Tensors))
			continue
		}
		for i, kv := range want.KV {
			v := h.values[i]
			if h.keys[i] != kv.Key || uint32(v.Type()) != kv.Types[0] || len(kv.Types) > 1 && uint32(v.Elem()) != kv.Types[1] {
				t.Errorf("%s: entry %d is %s %s, want %s %v", name, i, h.keys[i], v.Kind(), kv.Key, kv.Types)
			}
			d := json.NewDecoder(bytes.NewReader(kv.Value))
			d.UseNumber()
			var val any
			if err := d.Decode(&val); err != nil {
				t.Fatal(err)
			}
			if got := decode(v); !sameValue(got, val) {
				t.Errorf("%s: %s is %v, want %v", name, kv.Key, got, val)
			}
		}
		for i, w := range want.Tensors {
			g := h.infos[i]
			ne := []int64{}
			for d := len(g.Shape) - 1; d >= 0; d-- {
				ne = append(ne, g.Shape[d])
			}
			sum := sha256.Sum256(s.m.Data[g.Off : g.Off+g.Bytes])
			const format = "%s %s %v %d bytes at %d sha %s"
			got := fmt.Sprintf(format, g.Name, g.Type, ne, g.Bytes, g.Off, hex.EncodeToString(sum[:8]))
			if want := fmt.Sprintf(format, w.Name, w.Type, w.NE, w.Bytes, w.Off, w.SHA); got != want {
				t.Errorf("%s: tensor %s, want %s", name, got, want)
			}
		}
	}
}

// TestRewritesPythonFiles reads each file and writes it again, byte for byte.
func TestRewritesPythonFiles(t *testing.T) {
	for name := range pyExpected(t) {
		path := filepath.Join("testdata", name)
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		s, err := openShard(path)
		if err != nil {
			t.Fatal(err)
		}
		defer s.m.Close()
		o := Options{Tensors: s.head.infos, Alignment: int(s.head.align)}
		for i, key := range s.head.keys {
			o.KV = append(o.KV, KV{key, s.head.values[i]})
		}
		if got := encode(t, o, s.m.Data); !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes written differ from the %d read", name, len(got), len(want))
		}
	}
}

// encode writes a file whose tensors are taken from data at Info.Off.
func encode(t testing.TB, o Options, data []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := NewWriter(&out, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range o.Tensors {
		n, _ := tensor.Bytes(i.Type, i.Shape)
		if err := w.WriteBytes(i.Name, data[i.Off:i.Off+n]); err != nil {
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

// TestGoValuesEqualPython writes all.gguf from Go values.
func TestGoValuesEqualPython(t *testing.T) {
	f := open(t, "testdata/all.gguf")
	want, err := os.ReadFile("testdata/all.gguf")
	if err != nil {
		t.Fatal(err)
	}
	got := encode(t, Options{KV: allKinds, Tensors: f.Tensors()}, want)
	if !bytes.Equal(got, want) {
		t.Error("the file written from Go values differs")
	}
}

var allKinds = []KV{
	{"general.architecture", "llama"},
	{"k.u8", uint8(200)}, {"k.i8", int8(-100)}, {"k.u16", uint16(60000)}, {"k.i16", int16(-30000)},
	{"k.u32", uint32(4000000000)}, {"k.i32", int32(-2000000000)}, {"k.f32", float32(0.1)},
	{"k.true", true}, {"k.false", false}, {"k.string", "häßlich \u2603 \U0001f600"},
	{"k.u64", uint64(1<<64 - 1)}, {"k.i64", int64(-1 << 63)}, {"k.f64", 1e300},
	{"a.uint8", []uint8{0, 1, 255}}, {"a.int8", []int8{-128, 127}},
	{"a.uint16", []uint16{0, 65535}}, {"a.int16", []int16{-32768, 32767}},
	{"a.uint32", []uint32{0, 1<<32 - 1}}, {"a.int32", []int32{-1 << 31, 1<<31 - 1, 0}},
	{"a.float32", []float32{0.5, -1.25, 3e38}}, {"a.bool", []bool{true, false, true}},
	{"a.string", []string{"a", "", "▁the", "\n"}}, {"a.uint64", []uint64{0, 1<<64 - 1}},
	{"a.int64", []int64{-1 << 63, 1<<63 - 1}}, {"a.float64", []float64{1e-300, 2.5}},
}

func TestOpensPythonSplits(t *testing.T) {
	want := pyExpected(t)
	for first, n := range map[string]int{"split-00001-of-00002.gguf": 2, "empty-first-00001-of-00003.gguf": 3} {
		f := open(t, filepath.Join("testdata", first))
		shards := f.Shards()
		if len(shards) != n {
			t.Errorf("%s: %d shards, want %d", first, len(shards), n)
		}
		total := 0
		for _, s := range shards {
			py := want[filepath.Base(s.Path)]
			if s.Tensors != len(py.Tensors) {
				t.Errorf("%s: %d tensors, want %d", s.Path, s.Tensors, len(py.Tensors))
			}
			for _, w := range py.Tensors {
				total++
				got, err := f.Tensor(w.Name)
				if err != nil {
					t.Error(err)
					continue
				}
				sum := sha256.Sum256(got.Data)
				if got.File != s.Path || hex.EncodeToString(sum[:8]) != w.SHA {
					t.Errorf("%s in %s has other bytes", w.Name, got.File)
				}
			}
		}
		if got := len(f.Tensors()); got != total {
			t.Errorf("%s: %d tensors, want %d", first, got, total)
		}
	}
}
