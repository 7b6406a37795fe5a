package kernel

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/tessera-llm/tessera/pkg/pack"
	"github.com/tessera-llm/tessera/pkg/tensor"
)

// run prepares a task and executes it with poisoned scratch, in single items
// in reverse order, as a careless scheduler might.
func run(t testing.TB, task Task) {
	t.Helper()
	if err := task.Prepare(); err != nil {
		t.Fatalf("%T: %v", task, err)
	}
	runItems(task)
}

// runItems is run for a task that is prepared.
func runItems(task Task) {
	scratch := AlignedBytes(task.Scratch())
	for i := task.Items() - 1; i >= 0; i-- {
		for j := range scratch {
			scratch[j] = 0xff // NaN
		}
		task.Run(i, i+1, scratch)
	}
}

// newAct makes an activation of poisoned memory.
func newAct(t testing.TB, e Elem, l Layout, s, c int) Act {
	t.Helper()
	mem := AlignedBytes(Bytes(e, l, s, c))
	for i := range mem {
		mem[i] = 0xff
	}
	a, err := View(mem, e, l, s, c)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func rng(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 99)) }

// gauss is n normal values, a few of them large.
func gauss(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
		if r.IntN(200) == 0 {
			x[i] *= 20
		}
	}
	return x
}

// plainAct is a plain f32 activation of random values.
func plainAct(t testing.TB, r *rand.Rand, s, c int) Act {
	return FromF32(gauss(r, s*c), s, c)
}

func relayout(t testing.TB, x Act, l Layout) Act {
	out := newAct(t, x.Elem, l, x.S, x.C)
	run(t, &Relayout{X: x, Out: out})
	return out
}

func quantised(t testing.TB, x Act, l Layout) Act {
	out := newAct(t, I8, l, x.S, x.C)
	run(t, &QuantizeAct{X: x, Out: out})
	return out
}

// sameBits compares two f32 activations of any layouts.
func sameBits(t testing.TB, what string, got, want *Act) {
	t.Helper()
	for s := range want.S {
		for c := range want.C {
			g, w := got.At(s, c), want.At(s, c)
			if math.Float32bits(g) != math.Float32bits(w) && !(g != g && w != w) {
				t.Fatalf("%s: (%d, %d) = %v (%#x), want %v (%#x)", what, s, c, g, math.Float32bits(g), w, math.Float32bits(w))
			}
		}
	}
	padsAreZero(t, what, got)
}

// padsAreZero checks the pads of a c4 activation.
func padsAreZero(t testing.TB, what string, a *Act) {
	t.Helper()
	if a.Layout == Plain && a.Elem == F32 || a.S == 0 {
		return
	}
	w, tiles := tile(a.Layout, a.S)
	for tok := range tiles * w {
		for k := range roundUp(a.C, 64) {
			if tok < a.S && k < a.C {
				continue
			}
			if a.Elem == F32 && math.Float32bits(a.F[a.off(tok, k)]) != 0 || a.Elem == I8 && a.Q[a.off(tok, k)] != 0 {
				t.Fatalf("%s: pad (%d, %d) is not zero", what, tok, k)
			}
		}
	}
}

// randomWeight makes GGUF rows with scales around sigma and no NaN.
func randomWeight(r *rand.Rand, ty tensor.Type, n, k int64) []byte {
	row, err := ty.RowBytes(k)
	if err != nil {
		panic(err)
	}
	b := make([]byte, n*row)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	le := binary.LittleEndian
	scale := func(o int) {
		h := uint16(0x2000+r.IntN(0x800)) | uint16(r.IntN(2))<<15
		if r.IntN(16) == 0 {
			h = uint16(r.IntN(2)) << 15
		}
		le.PutUint16(b[o:], h)
	}
	bb := ty.BlockBytes()
	for o := 0; o < len(b); o += bb {
		switch ty {
		case tensor.F32:
			le.PutUint32(b[o:], math.Float32bits(float32(r.NormFloat64()*0.05)))
		case tensor.BF16:
			le.PutUint16(b[o:], uint16(math.Float32bits(float32(r.NormFloat64()*0.05))>>16))
		case tensor.F16:
			scale(o)
		case tensor.Q6_K:
			scale(o + 208)
		case tensor.Q4_1, tensor.Q5_1, tensor.Q4_K, tensor.Q5_K:
			scale(o + 2)
			fallthrough
		default:
			scale(o)
		}
	}
	return b
}

// forms returns the weight in both packing forms.
func forms(t testing.TB, ty tensor.Type, rows []int64, k int64, src []byte) [2]Weight {
	t.Helper()
	size, err := pack.P16.Size(ty, rows, k)
	if err != nil {
		t.Fatal(err)
	}
	packed := AlignedBytes(int(size))
	row, _ := ty.RowBytes(k)
	s, d := src, packed
	for _, n := range rows {
		one, _ := pack.P16.Size(ty, []int64{n}, k)
		if err := pack.P16.Pack(d[:one], s[:n*row], ty, n, k); err != nil {
			t.Fatal(err)
		}
		s, d = s[n*row:], d[one:]
	}
	var w [2]Weight
	for f, data := range [][]byte{Rows: src, P16: packed} {
		if w[f], err = NewWeight(ty, Form(f), rows, k, data); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// outputs makes one poisoned plain output per member.
func outputs(t testing.TB, w *Weight, s int) []Act {
	var out []Act
	for _, n := range w.Rows {
		out = append(out, newAct(t, F32, Plain, s, int(n)))
	}
	return out
}

// maxPartialFloats bounds PartialFloats for a cache of maxPos positions.
func maxPartialFloats(heads, headDim, maxPos int) int {
	return SplitRows * heads * ceil(maxPos, Chunk) * partialStride(headDim)
}
