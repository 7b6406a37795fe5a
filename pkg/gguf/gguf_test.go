package gguf

import (
	"bytes"
	"errors"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/tessera-llm/tessera/internal/mmap"
	"github.com/tessera-llm/tessera/internal/testutil"
	"github.com/tessera-llm/tessera/pkg/tensor"
)

func writeFile(t testing.TB, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTypeIDs(t *testing.T) {
	known := 0
	for id := range uint32(64) {
		ty, err := TypeFromID(id)
		if err != nil {
			if !strings.Contains(err.Error(), strconv.Itoa(int(id))) {
				t.Errorf("id %d: error does not name it: %v", id, err)
			}
			continue
		}
		known++
		if back, ok := TypeID(ty); !ok || back != id {
			t.Errorf("TypeID(%s) = %d, %v; want %d", ty, back, ok, id)
		}
	}
	if known != 35 {
		t.Errorf("%d types known, want 35", known)
	}
	for _, ty := range []tensor.Type{tensor.Invalid, tensor.Bool, tensor.F8E4M3} {
		if _, ok := TypeID(ty); ok {
			t.Errorf("%s has a ggml type", ty)
		}
	}
}

func TestGetters(t *testing.T) {
	f := open(t, "testdata/all.gguf")
	type res struct {
		v  any
		ok bool
	}
	pack := func(v any, ok bool) res { return res{v, ok} }
	s := func(v string, ok bool) res { return pack(v, ok) }
	u := func(v uint64, ok bool) res { return pack(v, ok) }
	i := func(v int64, ok bool) res { return pack(v, ok) }
	x := func(v float64, ok bool) res { return pack(v, ok) }
	b := func(v bool, ok bool) res { return pack(v, ok) }
	for what, c := range map[string]struct{ got, want res }{
		"string":        {s(f.String("general.architecture")), res{"llama", true}},
		"string absent": {s(f.String("nope")), res{"", false}},
		"string u8":     {s(f.String("k.u8")), res{"", false}},
		"uint u8":       {u(f.Uint("k.u8")), res{uint64(200), true}},
		"uint u64":      {u(f.Uint("k.u64")), res{uint64(math.MaxUint64), true}},
		"uint f32":      {u(f.Uint("k.f32")), res{uint64(0), false}},
		"int i64":       {i(f.Int("k.i64")), res{int64(math.MinInt64), true}},
		"int u32":       {i(f.Int("k.u32")), res{int64(4000000000), true}},
		"float f32":     {x(f.Float("k.f32")), res{float64(float32(0.1)), true}},
		"float f64":     {x(f.Float("k.f64")), res{1e300, true}},
		"float u8":      {x(f.Float("k.u8")), res{0.0, false}},
		"bool":          {b(f.Bool("k.true")), res{true, true}},
		"bool false":    {b(f.Bool("k.false")), res{false, true}},
		"bool u8":       {b(f.Bool("k.u8")), res{false, false}},
	} {
		if c.got != c.want {
			t.Errorf("%s: got %v, want %v", what, c.got, c.want)
		}
	}
	if _, ok := f.Uint("k.i8"); ok {
		t.Error("-100 read as unsigned")
	}
	if _, ok := f.Int("k.u64"); ok {
		t.Error("2^64-1 read as signed")
	}
	if got := f.Strings("a.string"); !reflect.DeepEqual(got, []string{"a", "", "▁the", "\n"}) {
		t.Errorf("strings %q", got)
	}
	if f.Strings("a.int32") != nil || f.Strings("k.string") != nil {
		t.Error("strings from another type")
	}
	if got, ok := f.Int32s("a.int32"); !ok || !reflect.DeepEqual(got, []int32{math.MinInt32, math.MaxInt32, 0}) {
		t.Errorf("int32s %v %v", got, ok)
	}
	if got, ok := f.Int32s("a.uint16"); !ok || !reflect.DeepEqual(got, []int32{0, 65535}) {
		t.Errorf("int32s of u16 %v %v", got, ok)
	}
	if _, ok := f.Int32s("a.uint32"); ok {
		t.Error("2^32-1 read as int32")
	}
	if got, ok := f.Int64s("a.int64"); !ok || !reflect.DeepEqual(got, []int64{math.MinInt64, math.MaxInt64}) {
		t.Errorf("int64s %v %v", got, ok)
	}
	if got, ok := f.Float32s("a.float32"); !ok || !reflect.DeepEqual(got, []float32{0.5, -1.25, 3e38}) {
		t.Errorf("float32s %v %v", got, ok)
	}
	if _, ok := f.Float32s("a.float64"); ok {
		t.Error("1e-300 read as float32")
	}
	if got, ok := f.Bools("a.bool"); !ok || !reflect.DeepEqual(got, []bool{true, false, true}) {
		t.Errorf("bools %v %v", got, ok)
	}
	if _, ok := f.Bools("a.string"); ok {
		t.Error("bools from strings")
	}
	if !f.Has("k.u8") || f.Has("k") || f.Kind("a.string") != "array of string" || f.Kind("k") != "" {
		t.Error("Has or Kind")
	}
	if keys := f.Keys(); keys[0] != "general.architecture" || len(keys) != len(allKinds) {
		t.Errorf("keys %v", keys)
	}
	md := f.Metadata()
	if len(md) != 14 || md[1] != (tensor.KV{Key: "k.u8", Value: "200"}) || md[7].Value != "0.1" || md[8].Value != "true" {
		t.Errorf("metadata %v", md)
	}
	if v, _ := f.Value("a.int32"); v.Text() != "3 × i32 [-2147483648, 2147483647, 0]" {
		t.Error(v.Text())
	}
}

func TestTensorAndClose(t *testing.T) {
	f := open(t, "testdata/all.gguf")
	got, err := f.Tensor("t.rank4")
	if err != nil {
		t.Fatal(err)
	}
	if !got.Shape.Equal(tensor.Shape{2, 1, 3, 4}) || got.Type != tensor.F16 || len(got.Data) != 48 || cap(got.Data) != 48 {
		t.Errorf("%+v", got)
	}
	if _, err := f.Tensor("nope"); !errors.Is(err, tensor.ErrNotFound) || !strings.Contains(err.Error(), "all.gguf") {
		t.Error(err)
	}
	f.Advise("t.rank4", mmap.DontNeed)
	if err := f.Unchanged(); err != nil {
		t.Error(err)
	}
	tokens := f.Strings("a.string")
	if err := errors.Join(f.Close(), f.Close()); err != nil {
		t.Error(err)
	}
	if tokens[2] != "▁the" {
		t.Error("strings do not survive Close")
	}
	if _, err := f.Tensor("t.rank4"); err == nil {
		t.Error("tensor of a closed file")
	}
}

func decl(name string, ty tensor.Type, shape ...int64) tensor.Info {
	return tensor.Info{Name: name, Type: ty, Shape: shape}
}

func TestWriterRefuses(t *testing.T) {
	long := strings.Repeat("n", 64)
	for want, o := range map[string]Options{
		"is declared twice":           {KV: []KV{{"a", "x"}, {"a", "y"}}},
		"empty key":                   {KV: []KV{{"", "x"}}},
		"not valid UTF-8":             {KV: []KV{{"\xff", "x"}}},
		"int has no GGUF type":        {KV: []KV{{"a", 1}}},
		"zero Value":                  {KV: []KV{{"a", Value{}}}},
		"must be a uint32":            {KV: []KV{{"general.alignment", "32"}}},
		"want a power of two":         {Alignment: 48},
		"Options.Alignment 64":        {KV: []KV{{"general.alignment", uint32(32)}}, Alignment: 64},
		"name of 64 bytes":            {Tensors: []tensor.Info{decl(long, tensor.F32, 1)}},
		"\"t\" is declared twice":     {Tensors: []tensor.Info{decl("t", tensor.F32, 1), decl("t", tensor.F32, 1)}},
		"no type f8_e4m3":             {Tensors: []tensor.Info{decl("t", tensor.F8E4M3, 1)}},
		"does not fill whole q4_k":    {Tensors: []tensor.Info{decl("t", tensor.Q4_K, 2, 255)}},
		"at most 4 dimensions":        {Tensors: []tensor.Info{decl("t", tensor.F32, 1, 1, 1, 1, 1)}},
		"number of elements overflow": {Tensors: []tensor.Info{decl("t", tensor.F32, 1<<40, 1<<40)}},
	} {
		if _, err := NewWriter(&bytes.Buffer{}, o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestWriterSizes(t *testing.T) {
	o := Options{Tensors: []tensor.Info{decl("a", tensor.F32, 2), decl("b", tensor.U8, 0)}}
	if _, err := NewWriter(&bytes.Buffer{}, o); err == nil {
		t.Error("u8 has no ggml type")
	}
	o.Tensors[1] = decl("b", tensor.I8, 3)
	for want, f := range map[string]func(*Writer) error{
		"got 7 bytes, want 8":    func(w *Writer) error { return w.WriteBytes("a", make([]byte, 7)) },
		"more than the 8 bytes":  func(w *Writer) error { return w.WriteBytes("a", make([]byte, 9)) },
		"want \"a\", the next":   func(w *Writer) error { return w.WriteBytes("b", make([]byte, 3)) },
		"0 of 2 tensors written": func(w *Writer) error { return w.Close() },
		"all 2 declared tensors": func(w *Writer) error {
			w.WriteBytes("a", make([]byte, 8))
			w.WriteBytes("b", make([]byte, 3))
			return w.WriteBytes("c", nil)
		},
		"want 8":                    func(w *Writer) error { w.WriteBytes("a", nil); return w.Close() },
		"disk full":                 func(w *Writer) error { w.w = failing{}; return w.WriteBytes("a", make([]byte, 8)) },
		"tensor \"a\": broken pipe": func(w *Writer) error { return w.Write("a", failing{}) },
	} {
		w, err := NewWriter(&bytes.Buffer{}, o)
		if err != nil {
			t.Fatal(err)
		}
		if err := f(w); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errors.New("disk full") }
func (failing) Read([]byte) (int, error)  { return 0, errors.New("broken pipe") }

func TestRoundTripAlignments(t *testing.T) {
	data := bytes.Repeat([]byte{1, 2, 3, 4, 5, 6, 7}, 100)
	for _, align := range []int{0, 1, 8, 32, 4096} {
		o := Options{KV: []KV{{"general.architecture", "x"}, {"e", []string{}}}, Alignment: align, Tensors: []tensor.Info{
			decl("scalar", tensor.F32), decl("none", tensor.F32, 0, 4), decl("q", tensor.Q8_0, 3, 64), decl("last", tensor.I8, 5)}}
		f := open(t, writeFile(t, "m.gguf", encode(t, o, data)))
		for _, d := range o.Tensors {
			got, err := f.Tensor(d.Name)
			n, _ := tensor.Bytes(d.Type, d.Shape)
			if err != nil || !bytes.Equal(got.Data, data[:n]) || !got.Shape.Equal(d.Shape) || got.Type != d.Type {
				t.Errorf("align %d: %s: %+v %v", align, d.Name, got, err)
			}
		}
		if e := f.Strings("e"); e == nil || len(e) != 0 {
			t.Errorf("empty array read as %v", e)
		}
		if a := f.Shards()[0].Alignment; align != 0 && a != int64(align) {
			t.Errorf("alignment %d, want %d", a, align)
		}
	}
}

func TestSplitWriter(t *testing.T) {
	data := bytes.Repeat([]byte{9, 8, 7}, 1000)
	o := SplitOptions{Options: Options{KV: []KV{{"general.architecture", "x"}}, Alignment: 64}}
	for i := range 7 {
		o.Tensors = append(o.Tensors, decl("t"+strconv.Itoa(i), tensor.F32, int64(i*30+1)))
	}
	for _, c := range []struct {
		bytes  int64
		n      int
		shards int
	}{{0, 0, 1}, {0, 3, 3}, {0, 1, 7}, {1, 0, 7}, {1000, 0, 4}, {1 << 40, 4, 2}} {
		o.MaxBytes, o.MaxTensors = c.bytes, c.n
		var images [2]string
		for round := range images {
			prefix := filepath.Join(t.TempDir(), "m")
			w, err := NewSplitWriter(prefix, o)
			if err != nil {
				t.Fatal(err)
			}
			for i, d := range o.Tensors {
				n, _ := tensor.Bytes(d.Type, d.Shape)
				if err := w.WriteBytes(d.Name, data[i:int64(i)+n]); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			f := open(t, w.Paths()[0])
			if len(f.Shards()) != c.shards || len(w.Paths()) != c.shards {
				t.Errorf("%+v: %d shards", c, len(f.Shards()))
			}
			for i, d := range o.Tensors {
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
			if _, err := NewSplitWriter(prefix, o); !errors.Is(err, os.ErrExist) {
				t.Errorf("overwrites: %v", err)
			}
		}
		if images[0] != images[1] {
			t.Errorf("%+v: two runs differ", c)
		}
	}
	o.MaxTensors, o.MaxBytes = 2, 0
	w, err := NewSplitWriter(filepath.Join(t.TempDir(), "m"), o)
	if err != nil {
		t.Fatal(err)
	}
	w.WriteBytes("t0", data[:4])
	w.WriteBytes("t1", data[:124])
	if err := w.Close(); err == nil || !strings.Contains(err.Error(), "1 of 4 shards") {
		t.Errorf("incomplete split closed: %v", err)
	}
}

// TestMergeSplit writes a Python split as one file: the same as the whole one.
func TestMergeSplit(t *testing.T) {
	f := open(t, "testdata/split-00001-of-00002.gguf")
	var out bytes.Buffer
	w, err := NewWriter(&out, Options{KV: f.KV(), Tensors: f.Tensors()})
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range f.Tensors() {
		x, err := f.Tensor(i.Name)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.WriteBytes(i.Name, x.Data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	m := open(t, writeFile(t, "m.gguf", out.Bytes()))
	all := open(t, "testdata/all.gguf")
	if len(m.Tensors()) != len(all.Tensors()) || len(m.Shards()) != 1 {
		t.Fatalf("%d tensors in %d shards", len(m.Tensors()), len(m.Shards()))
	}
	for _, i := range all.Tensors() {
		a, _ := all.Tensor(i.Name)
		b, err := m.Tensor(i.Name)
		if err != nil || !bytes.Equal(a.Data, b.Data) || !a.Shape.Equal(b.Shape) {
			t.Errorf("%s differs: %v", i.Name, err)
		}
	}
}

func TestSharedVocabularies(t *testing.T) {
	for _, name := range []string{"deepseek-llm", "falcon", "gpt-2", "llama-spm", "starcoder"} {
		f := open(t, testutil.SharedData(t, "vocab/ggml-vocab-"+name+".gguf"))
		tokens := f.Strings("tokenizer.ggml.tokens")
		types, ok := f.Int32s("tokenizer.ggml.token_type")
		if len(tokens) < 30000 || !ok || len(types) != len(tokens) {
			t.Errorf("%s: %d tokens, %d types", name, len(tokens), len(types))
		}
		seq, ok := f.StringSeq("tokenizer.ggml.tokens")
		if !ok {
			t.Fatal(name)
		}
		n := 0
		for i, s := range seq {
			if tokens[i] != s {
				t.Fatalf("%s: token %d differs", name, i)
			}
			n++
		}
		if n != len(tokens) {
			t.Errorf("%s: %d tokens walked of %d", name, n, len(tokens))
		}
	}
}

func TestStringsAllocateOnce(t *testing.T) {
	many := make([]string, 150000)
	for i := range many {
		many[i] = "tok" + strconv.Itoa(i)
	}
	f := open(t, writeFile(t, "m.gguf", encode(t, Options{KV: []KV{{"tokens", many}}}, nil)))
	if n := testing.AllocsPerRun(3, func() { f.Strings("tokens") }); n > 1 {
		t.Errorf("Strings: %v allocations", n)
	}
	if n := testing.AllocsPerRun(3, func() {
		v, _ := f.Value("tokens")
		for range v.Strings() {
		}
	}); n > 2 {
		t.Errorf("walking: %v allocations", n)
	}
	if got := f.Strings("tokens"); !reflect.DeepEqual(got, many) {
		t.Error("tokens differ")
	}
}

func TestTruncatedWhileMapped(t *testing.T) {
	o := Options{KV: []KV{{"k", "v"}}, Tensors: []tensor.Info{decl("t", tensor.I8, 1<<20)}}
	path := writeFile(t, "m.gguf", encode(t, o, make([]byte, 1<<20)))
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
	if !errors.As(err, &fault) || fault.Path != path {
		t.Errorf("got %v, want a fault in %s", err, path)
	}
	if s, _ := f.String("k"); s != "v" {
		t.Error("metadata depend on the file")
	}
	if f.Unchanged() == nil {
		t.Error("change not noticed")
	}
}

func BenchmarkOpenVocabulary(b *testing.B) {
	path := testutil.SharedData(b, "vocab/ggml-vocab-deepseek-llm.gguf")
	for b.Loop() {
		f, err := Open(path)
		if err != nil {
			b.Fatal(err)
		}
		f.Strings("tokenizer.ggml.tokens")
		f.Close()
	}
}
