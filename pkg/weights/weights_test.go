package weights

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/tessera-llm/tessera/internal/mmap"
	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/pkg/pack"
	"github.com/tessera-llm/tessera/pkg/quant"
	"github.com/tessera-llm/tessera/pkg/tensor"
)

// source holds tensors in memory.
type source map[string]tensor.Tensor

func (s source) Tensor(name string) (tensor.Tensor, error) {
	t, ok := s[name]
	if !ok {
		return t, fmt.Errorf("tensor %q: %w", name, tensor.ErrNotFound)
	}
	return t, nil
}

// stored adds finished weights.
type stored struct {
	source
	done map[string][]byte
}

func (s stored) Stored(name string) ([]byte, error) {
	b, ok := s.done[name]
	if !ok {
		return nil, fmt.Errorf("no weight %q", name)
	}
	return b, nil
}

// add makes a random tensor of type ty and returns its expression.
func (s source) add(t testing.TB, name string, ty tensor.Type, shape ...int64) *ir.Expr {
	t.Helper()
	n, err := tensor.Shape(shape).Elements()
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(uint64(len(s)), 5))
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
	size, err := tensor.Bytes(ty, shape)
	if err != nil {
		t.Fatal(err)
	}
	data := make([]byte, size)
	if err := quant.Encode(ty, data, x); err != nil {
		t.Fatal(err)
	}
	s[name] = tensor.Tensor{Info: tensor.Info{Name: name, Type: ty, Shape: shape, File: "some.file", Bytes: size}, Data: data}
	return ir.TensorExpr(name, ty, shape)
}

// naive evaluates e by its definition, whole tensors at a time.
func naive(t testing.TB, e *ir.Expr, src source) []byte {
	t.Helper()
	var args [][]byte
	for _, a := range e.Args {
		args = append(args, naive(t, a, src))
	}
	rows := func(x *ir.Expr, data []byte) int64 { return int64(len(data)) / x.Shape[0] }
	switch e.Kind {
	case ir.ExprTensor:
		return src[e.Name].Data
	case ir.ExprConst:
		b := make([]byte, 4*len(e.Data))
		for i, x := range e.Data {
			u := math.Float32bits(x)
			b[4*i], b[4*i+1], b[4*i+2], b[4*i+3] = byte(u), byte(u>>8), byte(u>>16), byte(u>>24)
		}
		return b
	case ir.ExprConcatRows:
		return bytes.Join(args, nil)
	case ir.ExprSliceRows:
		if e.Form == ir.P16 {
			at := int64(0)
			for i, r := range e.Args[0].Rows {
				if at == e.Lo && r == e.Hi-e.Lo {
					b, err := pack.P16.Slice(args[0], e.Type, e.Args[0].Rows, e.Shape[1], i)
					if err != nil {
						t.Fatal(err)
					}
					return b
				}
				at += r
			}
			t.Fatal("test slices one member")
		}
		r := rows(e.Args[0], args[0])
		return args[0][e.Lo*r : e.Hi*r]
	case ir.ExprUnrotate:
		r, hd := rows(e, args[0]), e.Shape[0]/e.Heads
		b := make([]byte, 0, len(args[0]))
		for h := range e.Heads {
			for s := range int64(2) {
				for j := range hd / 2 {
					i := h*hd + 2*j + s
					b = append(b, args[0][i*r:(i+1)*r]...)
				}
			}
		}
		return b
	case ir.ExprFlatten:
		return args[0]
	case ir.ExprTranspose:
		b, size := make([]byte, 0, len(args[0])), e.Type.BlockBytes()
		for j := range int(e.Shape[0]) {
			for i := range int(e.Shape[1]) {
				b = append(b, args[0][(i*int(e.Shape[0])+j)*size:][:size]...)
			}
		}
		return b
	case ir.ExprPlusOne:
		x, b := make([]float32, e.Shape[0]), make([]byte, 4*e.Shape[0])
		if err := quant.Decode(e.Args[0].Type, x, args[0]); err != nil {
			t.Fatal(err)
		}
		for i := range x {
			x[i] = 1 + x[i]
		}
		if err := quant.Encode(tensor.F32, b, x); err != nil {
			t.Fatal(err)
		}
		return b
	case ir.ExprCast, ir.ExprQuantize:
		n, _ := e.Shape.Elements()
		x := make([]float32, n)
		if err := quant.Decode(e.Args[0].Type, x, args[0]); err != nil {
			t.Fatal(err)
		}
		size, _ := tensor.Bytes(e.To, e.Shape)
		b := make([]byte, size)
		if err := quant.Encode(e.To, b, x); err != nil {
			t.Fatal(err)
		}
		return b
	case ir.ExprPack:
		var all []byte
		r := rows(e, args[0])
		for _, n := range e.Rows {
			size, err := pack.P16.Size(e.Type, []int64{n}, e.Shape[1])
			if err != nil {
				t.Fatal(err)
			}
			b := make([]byte, size)
			if err := pack.P16.Pack(b, args[0][:n*r], e.Type, n, e.Shape[1]); err != nil {
				t.Fatal(err)
			}
			all, args[0] = append(all, b...), args[0][n*r:]
		}
		return all
	}
	t.Fatalf("expression %s", e.Kind)
	return nil
}

func must(t testing.TB) func(*ir.Expr, error) *ir.Expr {
	return func(e *ir.Expr, err error) *ir.Expr {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
}

// exprs lists expressions of every kind over src.
func exprs(t testing.TB, src source) map[string]*ir.Expr {
	ok := must(t)
	f := src.add(t, "f32", tensor.F32, 100, 96)
	b := src.add(t, "bf16", tensor.BF16, 100, 96)
	h := src.add(t, "f16", tensor.F16, 36, 96)
	q4 := src.add(t, "q4_k", tensor.Q4_K, 48, 512)
	q8 := src.add(t, "q8_0", tensor.Q8_0, 40, 96)
	v := src.add(t, "vector", tensor.BF16, 64)
	long := src.add(t, "long", tensor.BF16, 3, scratchElems+512)
	qkv := src.add(t, "qkv", tensor.Q8_0, 96, 64)
	q8b := src.add(t, "q8_0.b", tensor.Q8_0, 17, 96)
	rotated := ok(ir.Unrotate(q4, 3))
	group := ok(ir.Concat(q8, q8b, ok(ir.Slice(q8, 3, 20))))
	packed := ok(ir.PackAs(group, ir.P16))
	stack := ok(ir.Flatten(src.add(t, "experts", tensor.Q8_0, 3, 5, 96)))
	return map[string]*ir.Expr{
		"tensor":               f,
		"const":                ir.ConstExpr([]float32{1, -2, 0.5, 3e-8}),
		"slice":                ok(ir.Slice(b, 7, 91)),
		"concat":               ok(ir.Concat(b, ok(ir.Slice(b, 0, 5)), b)),
		"unrotate":             ok(ir.Unrotate(f, 5)),
		"unrotate blocks":      rotated,
		"unrotate vector":      ok(ir.Cast(ok(ir.Unrotate(v, 4)), tensor.F32)),
		"unrotate slice":       ok(ir.Unrotate(ok(ir.Slice(qkv, 32, 64)), 2)),
		"transpose":            ok(ir.Transpose(f)),
		"transpose bf16":       ok(ir.PackAs(ok(ir.Transpose(ok(ir.Slice(b, 3, 99)))), ir.P16)),
		"quantise transposed":  ok(ir.Quantize(ok(ir.Transpose(ok(ir.Slice(f, 0, 64)))), tensor.Q8_0)),
		"flatten":              stack,
		"slice of a stack":     ok(ir.Slice(stack, 5, 10)),
		"slice across a stack": ok(ir.Slice(stack, 3, 13)),
		"pack a stack":         ok(ir.PackAs(stack, ir.P16)),
		"plus one":             ok(ir.PlusOne(v)),
		"plus one f32":         ok(ir.PlusOne(src.add(t, "gamma", tensor.F32, scratchElems+3))),
		"cast f32":             ok(ir.Cast(b, tensor.F32)),
		"cast bf16":            ok(ir.Cast(f, tensor.BF16)),
		"cast f16":             ok(ir.Cast(b, tensor.F16)),
		"cast blocks":          ok(ir.Cast(q4, tensor.F32)),
		"cast long rows":       ok(ir.Cast(long, tensor.F32)),
		"quantise":             ok(ir.Quantize(f, tensor.Q8_0)),
		"quantise long rows":   ok(ir.Quantize(long, tensor.Q4_0)),
		"quantise again":       ok(ir.Quantize(q4, tensor.Q6_K)),
		"quantise unrotated":   ok(ir.Quantize(ok(ir.Unrotate(b, 5)), tensor.Q5_0)),
		"concat of quantised":  ok(ir.Concat(ok(ir.Quantize(f, tensor.Q8_0)), q8)),
		"pack f32":             ok(ir.PackAs(f, ir.P16)),
		"pack bf16":            ok(ir.PackAs(b, ir.P16)),
		"pack f16":             ok(ir.PackAs(h, ir.P16)),
		"pack unrotated":       ok(ir.PackAs(rotated, ir.P16)),
		"pack group":           packed,
		"pack quantised":       ok(ir.PackAs(ok(ir.Quantize(b, tensor.Q8_0)), ir.P16)),
		"slice of packed":      ok(ir.Slice(packed, 40, 57)),
		"slice of packed last": ok(ir.Slice(packed, 57, 74)),
	}
}

// TestAgainstNaive compares every way to evaluate, with several numbers of
// workers and sizes of blocks, with the definition.
func TestAgainstNaive(t *testing.T) {
	src := source{}
	all := exprs(t, src)
	defer func(n int64) { blockBytes = n }(blockBytes)
	for _, n := range []int64{1, 1000, 7000, 1 << 20} {
		blockBytes = n
		for name, e := range all {
			want := naive(t, e, src)
			size, err := Size(e)
			if err != nil || size != int64(len(want)) {
				t.Fatalf("%s: size %d, %v; want %d", name, size, err, len(want))
			}
			for workers := range 4 {
				var seen int64
				o := Options{Workers: workers, Progress: func(n int64) { seen += n }}
				var w bytes.Buffer
				if err := Write(context.Background(), &w, e, src, o); err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				if !bytes.Equal(w.Bytes(), want) {
					t.Errorf("%s with %d workers, blocks of %d: wrong bytes written", name, workers, n)
				}
				if seen != size {
					t.Errorf("%s: progress of %d bytes, want %d", name, seen, size)
				}
				dst := make([]byte, size)
				if err := Fill(context.Background(), dst, e, src, Options{Workers: workers}); err != nil || !bytes.Equal(dst, want) {
					t.Errorf("%s with %d workers, blocks of %d: wrong bytes filled, %v", name, workers, n, err)
				}
			}
			got, err := Bytes(e, src, 2)
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s: wrong bytes in memory, %v", name, err)
			}
		}
	}
}

// TestStored evaluates weights that a bundle holds.
func TestStored(t *testing.T) {
	src := source{}
	ok := must(t)
	group := ok(ir.Concat(src.add(t, "a", tensor.Q8_0, 40, 96), src.add(t, "b", tensor.Q8_0, 17, 96)))
	packed := ok(ir.PackAs(group, ir.P16))
	want := naive(t, packed, src)
	s := stored{src, map[string][]byte{"p": want, "r": naive(t, group, src)}}
	p := ir.StoredExpr("p", tensor.Q8_0, tensor.Shape{57, 96}, ir.P16, []int64{40, 17})
	r := ir.StoredExpr("r", tensor.Q8_0, tensor.Shape{57, 96}, ir.Rows, []int64{40, 17})
	for _, c := range []struct {
		name string
		e    *ir.Expr
		want []byte
	}{
		{"packed", p, want},
		{"member", ok(ir.Slice(p, 40, 57)), naive(t, ok(ir.Slice(packed, 40, 57)), src)},
		{"rows", ok(ir.Slice(r, 3, 50)), naive(t, ok(ir.Slice(group, 3, 50)), src)},
		{"pack rows", ok(ir.PackAs(r, ir.P16)), want},
		{"unpacked", ok(ir.PackAs(p, ir.Rows)), naive(t, group, src)},
		{"rows of the unpacked", ok(ir.Slice(ok(ir.PackAs(p, ir.Rows)), 7, 50)), naive(t, ok(ir.Slice(group, 7, 50)), src)},
		{"unpacked member", ok(ir.PackAs(ok(ir.Slice(p, 40, 57)), ir.Rows)), naive(t, ok(ir.Slice(group, 40, 57)), src)},
		{"joined of unpacked", ok(ir.Concat(ok(ir.PackAs(p, ir.Rows)), r)), slices.Concat(s.done["r"], s.done["r"])},
	} {
		got, err := Bytes(c.e, s, 1)
		if err != nil || !bytes.Equal(got, c.want) {
			t.Errorf("%s: wrong bytes, %v", c.name, err)
		}
		if c.e.Kind != ir.ExprPack && &got[0] != &s.done["p"][0] && c.name == "packed" {
			t.Errorf("%s: copied", c.name)
		}
		var w bytes.Buffer
		if err := Write(context.Background(), &w, c.e, s, Options{Workers: 2}); err != nil || !bytes.Equal(w.Bytes(), c.want) {
			t.Errorf("%s: wrong bytes written, %v", c.name, err)
		}
	}
	if _, err := Bytes(ok(ir.PackAs(packed, ir.Rows)), s, 1); err == nil {
		t.Error("what is packed only while it is evaluated is unpacked")
	}
	if _, err := Bytes(p, src, 1); err == nil {
		t.Error("a stored weight without its bundle has no error")
	}
	short := ir.StoredExpr("p", tensor.Q8_0, tensor.Shape{96, 96}, ir.P16, []int64{96})
	if _, err := Bytes(short, s, 1); err == nil {
		t.Error("a stored weight of the wrong size has no error")
	}
}

func TestMemory(t *testing.T) {
	src := source{}
	ok := must(t)
	f := src.add(t, "f32", tensor.F32, 100, 96)
	m := NewMemory(src, 2)
	get := func(e *ir.Expr) []byte {
		t.Helper()
		b, err := m.Bytes("any", &ir.Weight{Name: "w", Expr: e})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	if a := get(f); &a[0] != &src["f32"].Data[0] {
		t.Error("a plain tensor is copied")
	}
	if a := get(ok(ir.Slice(f, 10, 20))); &a[0] != &src["f32"].Data[10*96*4] || len(a) != 10*96*4 {
		t.Error("a slice is copied")
	}
	packed := func() *ir.Expr { return ok(ir.PackAs(ir.TensorExpr("f32", tensor.F32, tensor.Shape{100, 96}), ir.P16)) }
	a, b := get(packed()), get(packed())
	if &a[0] != &b[0] {
		t.Error("equal expressions are evaluated twice")
	}
	if uintptr(unsafe.Pointer(&a[0]))%Align != 0 {
		t.Error("packed bytes are not aligned")
	}
	// A misaligned tensor is copied.
	odd := src["f32"]
	odd.Name, odd.Data = "odd", append([]byte{0}, odd.Data...)[1:]
	src["odd"] = odd
	c := get(ir.TensorExpr("odd", tensor.F32, odd.Shape))
	if uintptr(unsafe.Pointer(&c[0]))%4 != 0 || !bytes.Equal(c, odd.Data) {
		t.Error("a misaligned tensor is not realigned")
	}
	if _, err := m.Bytes("any", &ir.Weight{Name: "blk.0.x", Expr: ir.TensorExpr("none", tensor.F32, tensor.Shape{1})}); err == nil || !strings.Contains(err.Error(), "blk.0.x") {
		t.Errorf("missing tensor: %v", err)
	}
}

func TestMapped(t *testing.T) {
	src := source{}
	ok := must(t)
	f := src.add(t, "f32", tensor.F32, 100, 96)
	m, err := NewMapped(src, 2, filepath.Join(t.TempDir(), "a", "b"))
	if err != nil {
		t.Fatal(err)
	}
	weight := func(name string, e *ir.Expr) *ir.Weight { return &ir.Weight{Name: name, Expr: e} }
	packed := func(e *ir.Expr) *ir.Expr { return ok(ir.PackAs(e, ir.P16)) }
	all := []*ir.Weight{weight("f", f), weight("p", packed(f)), weight("again", packed(f)), weight("half", ok(ir.Cast(f, tensor.F16)))}
	if _, err := m.Bytes("any", all[0]); err == nil || !strings.Contains(err.Error(), "weight f was not added") {
		t.Errorf("before Add: %v", err)
	}
	for range 2 {
		if err := m.Add(t.Context(), all); err != nil {
			t.Fatal(err)
		}
	}
	if len(m.maps) != 1 {
		t.Errorf("%d files, want 1", len(m.maps))
	}
	// More than a block in all, from another weight's view.
	if err := m.Add(t.Context(), append(all, weight("large", packed(src.add(t, "large", tensor.F32, 3000, 256))), weight("small", packed(ok(ir.Slice(f, 0, 32)))))); err != nil {
		t.Fatal(err)
	}
	other := NewMemory(src, 1)
	for _, w := range append(all, weight("large", packed(ir.TensorExpr("large", tensor.F32, tensor.Shape{3000, 256}))), weight("small", packed(ok(ir.Slice(f, 0, 32))))) {
		got, err := m.Bytes("any", w)
		want, err2 := other.Bytes("any", w)
		if err != nil || err2 != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: mapped bytes differ from those in memory (%v, %v)", w.Name, err, err2)
		}
	}
	if a, _ := m.Bytes("any", all[0]); &a[0] != &src["f32"].Data[0] {
		t.Error("a plain tensor is copied")
	}
	a, _ := m.Bytes("any", all[1])
	b, _ := m.Bytes("any", all[2])
	if &a[0] != &b[0] || uintptr(unsafe.Pointer(&a[0]))%Align != 0 {
		t.Error("equal expressions are evaluated twice, or not aligned")
	}
	if err := m.Add(t.Context(), []*ir.Weight{weight("blk.0.x", ir.TensorExpr("none", tensor.F32, tensor.Shape{1}))}); err == nil || !strings.Contains(err.Error(), "blk.0.x") {
		t.Errorf("missing tensor: %v", err)
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	if err := m.Add(stopped, []*ir.Weight{weight("new", packed(ok(ir.Slice(f, 0, 16))))}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(m.dir); !os.IsNotExist(err) {
		t.Errorf("the folder is still there: %v", err)
	}
	if _, err := m.Bytes("any", all[0]); err == nil {
		t.Error("a weight of closed weights")
	}
	if err := m.Add(t.Context(), all); err == nil {
		t.Error("closed weights take more")
	}
}

// TestBadValues: NaN and Inf are errors that name tensor, file and place.
func TestBadValues(t *testing.T) {
	src := source{}
	ok := must(t)
	f := src.add(t, "f", tensor.F32, 64, 64)
	q := src.add(t, "q", tensor.Q8_0, 64, 64)
	k := src.add(t, "k", tensor.Q4_K, 8, 256)
	big := src.add(t, "big", tensor.F32, 2, 32)
	copy(src["f"].Data[4*(37*64+5):], []byte{0, 0, 0xc0, 0x7f}) // NaN
	copy(src["q"].Data[34*(2*50+1):], []byte{0, 0x7c})          // Inf
	copy(src["k"].Data[144*3+2:], []byte{1, 0x7e})              // NaN dmin
	copy(src["big"].Data[4*33:], []byte{0, 0, 0, 0x7f})         // 1.7e38
	for name, c := range map[string]struct {
		e    *ir.Expr
		want string // a part of the message
	}{
		"f32":       {f, `"f" in some.file`},
		"cast":      {ok(ir.Cast(f, tensor.BF16)), `"f" in some.file`},
		"quantise":  {ok(ir.Quantize(f, tensor.Q8_0)), `"f" in some.file`},
		"q8_0":      {q, `"q" in some.file`},
		"pack":      {ok(ir.PackAs(ok(ir.Concat(q, q)), ir.P16)), `"q" in some.file`},
		"dmin":      {ok(ir.PackAs(k, ir.P16)), `"k" in some.file`},
		"overflow":  {ok(ir.Cast(big, tensor.F16)), `"big" in some.file`},
		"big scale": {ok(ir.Quantize(big, tensor.Q8_0)), `"big" in some.file`},
		"missing":   {ir.TensorExpr("gone", tensor.F32, tensor.Shape{1}), `"gone"`},
		"changed":   {ir.TensorExpr("f", tensor.F32, tensor.Shape{64, 65}), `"f" in some.file`},
	} {
		for workers := range 3 {
			if err := Write(context.Background(), &bytes.Buffer{}, c.e, src, Options{Workers: workers}); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: error %v, want it to name %s", name, err, c.want)
			}
		}
		if _, err := Bytes(c.e, src, 1); err == nil {
			t.Errorf("%s: no error in memory", name)
		}
	}
}

// TestTruncated: a file cut while it is mapped is an error, not a crash.
func TestTruncated(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows refuses to truncate a mapped file")
	}
	path := filepath.Join(t.TempDir(), "weights")
	const rows, k = 1024, 1024
	if err := os.WriteFile(path, make([]byte, rows*k*4), 0o666); err != nil {
		t.Fatal(err)
	}
	m, err := mmap.Map(path)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	src := source{"w": {Info: tensor.Info{Name: "w", Type: tensor.F32, Shape: tensor.Shape{rows, k}, File: path}, Data: m.Data}}
	if err := os.Truncate(path, 1<<20); err != nil {
		t.Fatal(err)
	}
	w := ir.TensorExpr("w", tensor.F32, tensor.Shape{rows, k})
	for name, e := range map[string]*ir.Expr{"tensor": w, "cast": must(t)(ir.Cast(w, tensor.F16)), "pack": must(t)(ir.PackAs(w, ir.P16))} {
		err := Write(context.Background(), &bytes.Buffer{}, e, src, Options{Workers: 2})
		var fault *mmap.FaultError
		if !errors.As(err, &fault) {
			t.Errorf("%s: %v, want a fault error", name, err)
		}
	}
}

type failing struct{ after int }

func (f *failing) Write(p []byte) (int, error) {
	if f.after--; f.after < 0 {
		return 0, errors.New("disk full")
	}
	return len(p), nil
}

func TestStops(t *testing.T) {
	src := source{}
	e := src.add(t, "f", tensor.F32, 1000, 96)
	defer func(n int64) { blockBytes = n }(blockBytes)
	blockBytes = 1000
	if err := Write(context.Background(), &failing{3}, e, src, Options{Workers: 3}); err == nil || err.Error() != "disk full" {
		t.Errorf("writer's error is lost: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	n := 0
	err := Write(ctx, &bytes.Buffer{}, e, src, Options{Workers: 3, Progress: func(int64) {
		if n++; n == 3 {
			cancel()
		}
	}})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if err := Fill(context.Background(), make([]byte, 5), e, src, Options{}); err == nil {
		t.Error("wrong size has no error")
	}
}

// TestBoundedMemory: memory does not grow with the weight.
func TestBoundedMemory(t *testing.T) {
	src := source{}
	ok := must(t)
	const rows, k = 8192, 1024
	data := make([]byte, rows*k*2)
	src["w"] = tensor.Tensor{Info: tensor.Info{Name: "w", Type: tensor.BF16, Shape: tensor.Shape{rows, k}}, Data: data}
	w := ir.TensorExpr("w", tensor.BF16, tensor.Shape{rows, k})
	e := ok(ir.PackAs(ok(ir.Quantize(ok(ir.Unrotate(w, 64)), tensor.Q8_0)), ir.P16))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	n := &counter{}
	if err := Write(context.Background(), n, e, src, Options{Workers: 2}); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > 16<<20 {
		t.Errorf("%d MiB allocated to write %d MiB", got>>20, n.n>>20)
	}
}

type counter struct{ n int }

func (c *counter) Write(p []byte) (int, error) { c.n += len(p); return len(p), nil }
