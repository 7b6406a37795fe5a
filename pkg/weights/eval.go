package weights

import (
	"errors"
	"fmt"

	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/pkg/pack"
	"github.com/tessera-llm/tessera/pkg/quant"
	"github.com/tessera-llm/tessera/pkg/tensor"
)

// Source holds the tensors that expressions name; tensor.Source is one.
type Source interface {
	Tensor(name string) (tensor.Tensor, error)
}

// Stored is a Source that also holds finished weights of a bundle.
type Stored interface {
	Stored(name string) ([]byte, error)
}

// Size is the number of bytes of e in its type and form.
func Size(e *ir.Expr) (int64, error) {
	f, err := pack.Of(e.Form)
	if err != nil {
		return 0, err
	}
	return f.Bytes(e.Type, e.Shape, e.Rows)
}

// units is how an expression in rows form is counted: n units of size bytes.
// A matrix has its rows, a vector its elements (a vector of blocks is one).
type units struct{ n, size int64 }

func unitsOf(e *ir.Expr) (units, error) {
	total, err := tensor.Bytes(e.Type, e.Shape)
	if err != nil {
		return units{}, err
	}
	n := int64(1)
	if len(e.Shape) > 1 || len(e.Shape) == 1 && e.Type.BlockElems() == 1 {
		n = e.Shape[0]
	}
	if n == 0 {
		return units{}, nil
	}
	return units{n, total / n}, nil
}

// scratchElems is the number of values a worker widens to float32 at a time, a
// multiple of every block.
const scratchElems = 1 << 16

// evaluator evaluates row ranges. Each worker has its own; it is not safe for
// concurrent use.
type evaluator struct {
	src   Source
	f32   []float32
	spare [][]byte // row buffers by depth
}

// rows returns units [lo, hi) of e, which is in rows form. The bytes are a view
// of the checkpoint or of a buffer of level depth, valid until the next call
// at that depth.
func (v *evaluator) rows(e *ir.Expr, lo, hi int64, depth int) ([]byte, error) {
	u, err := unitsOf(e)
	if err != nil {
		return nil, err
	}
	if lo < 0 || hi < lo || hi > u.n {
		return nil, fmt.Errorf("rows [%d, %d) of a weight with %d", lo, hi, u.n)
	}
	switch e.Kind {
	case ir.ExprTensor:
		return v.leaf(e, lo*u.size, hi*u.size)
	case ir.ExprStored:
		data, err := v.stored(e)
		if err != nil {
			return nil, err
		}
		return data[lo*u.size : hi*u.size], nil
	case ir.ExprConst:
		return v.constant(e, lo, hi, depth)
	case ir.ExprSliceRows:
		return v.rows(e.Args[0], e.Lo+lo, e.Lo+hi, depth)
	case ir.ExprConcatRows:
		return v.concat(e, u, lo, hi, depth)
	case ir.ExprUnrotate:
		return v.unrotate(e, u, lo, hi, depth)
	case ir.ExprTranspose:
		return v.transpose(e, u, lo, hi, depth)
	case ir.ExprFlatten:
		return v.flatten(e, u, lo, hi, depth)
	case ir.ExprPlusOne:
		return v.plusOne(e, lo, hi, depth)
	case ir.ExprCast, ir.ExprQuantize:
		return v.convert(e, u, lo, hi, depth)
	case ir.ExprPack:
		return v.unpack(e, u, lo, hi, depth)
	}
	return nil, fmt.Errorf("cannot evaluate rows of expression %q", e.Kind)
}

// buffer is the buffer of a level, n bytes long.
func (v *evaluator) buffer(depth int, n int64) []byte {
	for len(v.spare) <= depth {
		v.spare = append(v.spare, nil)
	}
	if int64(cap(v.spare[depth])) < n {
		v.spare[depth] = make([]byte, n)
	}
	return v.spare[depth][:n]
}

// tensor is a tensor of the checkpoint, which must be what the expression says.
func (v *evaluator) tensor(e *ir.Expr) (t tensor.Tensor, err error) {
	if t, err = v.src.Tensor(e.Name); err != nil {
		return t, err
	}
	if t.Type != e.Type || !t.Shape.Equal(e.Shape) {
		return t, fmt.Errorf("tensor %q in %s: %s %v, the graph was built for %s %v", e.Name, t.File, t.Type, t.Shape, e.Type, e.Shape)
	}
	if size, err := tensor.Bytes(e.Type, e.Shape); err != nil || size != int64(len(t.Data)) {
		return t, fmt.Errorf("tensor %q in %s: %d bytes of %s %v, want %d", e.Name, t.File, len(t.Data), t.Type, t.Shape, size)
	}
	return t, nil
}

// leaf is bytes [lo, hi) of a tensor of the checkpoint, checked for NaN and Inf.
func (v *evaluator) leaf(e *ir.Expr, lo, hi int64) ([]byte, error) {
	t, err := v.tensor(e)
	if err != nil {
		return nil, err
	}
	data := t.Data[lo:hi]
	if e.Type.Quantised() && (lo%int64(e.Type.BlockBytes()) != 0 || hi%int64(e.Type.BlockBytes()) != 0) {
		return data, nil // a part of a block is checked with the whole
	}
	if err := quant.CheckBlocks(e.Type, data); err != nil {
		return nil, fmt.Errorf("tensor %q in %s, bytes %d to %d: %w", e.Name, t.File, lo, hi, err)
	}
	return data, nil
}

// stored is a finished weight.
func (v *evaluator) stored(e *ir.Expr) ([]byte, error) {
	s, ok := v.src.(Stored)
	if !ok {
		return nil, fmt.Errorf("stored weight %q: its bundle is not at hand", e.Name)
	}
	data, err := s.Stored(e.Name)
	if err != nil {
		return nil, err
	}
	if size, err := Size(e); err != nil || size != int64(len(data)) {
		return nil, fmt.Errorf("stored weight %q: %d bytes, want %d for %s %v", e.Name, len(data), size, e.Type, e.Shape)
	}
	return data, nil
}

func (v *evaluator) constant(e *ir.Expr, lo, hi int64, depth int) ([]byte, error) {
	buf := v.buffer(depth, 4*(hi-lo))
	return buf, quant.Encode(tensor.F32, buf, e.Data[lo:hi])
}

func (v *evaluator) concat(e *ir.Expr, u units, lo, hi int64, depth int) ([]byte, error) {
	var buf []byte
	base := int64(0)
	for _, a := range e.Args {
		n := a.Shape[0]
		from, to := max(lo, base), min(hi, base+n)
		if from < to {
			whole := from == lo && to == hi
			at := depth + 1
			if whole {
				at = depth
			}
			part, err := v.rows(a, from-base, to-base, at)
			if err != nil || whole {
				return part, err
			}
			if buf == nil {
				buf = v.buffer(depth, (hi-lo)*u.size)
			}
			copy(buf[(from-lo)*u.size:], part)
		}
		base += n
	}
	return buf, nil
}

// unrotate gathers rows: row s·hd/2+j of a head is row 2j+s of the source.
func (v *evaluator) unrotate(e *ir.Expr, u units, lo, hi int64, depth int) ([]byte, error) {
	hd := u.n / e.Heads
	first, last := lo/hd*hd, min((hi+hd-1)/hd*hd, u.n) // whole heads around the range
	if hi == lo {
		return nil, nil
	}
	buf := v.buffer(depth, (hi-lo)*u.size)
	for head := first; head < last; head += hd {
		src, err := v.rows(e.Args[0], head, head+hd, depth+1)
		if err != nil {
			return nil, err
		}
		for i := max(lo, head); i < min(hi, head+hd); i++ {
			r := i - head
			from := 2*(r%(hd/2)) + r/(hd/2)
			copy(buf[(i-lo)*u.size:(i-lo+1)*u.size], src[from*u.size:])
		}
	}
	return buf, nil
}

// convert widens a piece of the argument at a time and encodes it.
func (v *evaluator) convert(e *ir.Expr, u units, lo, hi int64, depth int) ([]byte, error) {
	arg := e.Args[0]
	a, err := unitsOf(arg)
	if err != nil {
		return nil, err
	}
	if a.n != u.n {
		return nil, fmt.Errorf("%s to %s: %d rows become %d", e.Kind, e.To, a.n, u.n)
	}
	src, err := v.rows(arg, lo, hi, depth+1)
	if err != nil {
		return nil, err
	}
	dst := v.buffer(depth, (hi-lo)*u.size)
	if v.f32 == nil {
		v.f32 = make([]float32, scratchElems)
	}
	inStep := scratchElems / arg.Type.BlockElems() * arg.Type.BlockBytes()
	outStep := scratchElems / e.To.BlockElems() * e.To.BlockBytes()
	rest := dst
	for at := int64(0); len(src) > 0; at += scratchElems {
		in, out := src[:min(inStep, len(src))], rest[:min(outStep, len(rest))]
		x := v.f32[:len(in)/arg.Type.BlockBytes()*arg.Type.BlockElems()]
		if err := quant.Decode(arg.Type, x, in); err != nil {
			return nil, v.blame(arg, lo, fmt.Errorf("%s to %s: %w", e.Kind, e.To, err))
		}
		if err := quant.Encode(e.To, out, x); err != nil {
			return nil, v.blame(arg, lo, fmt.Errorf("%s to %s, %d values after row %d: %w", e.Kind, e.To, at, lo, err))
		}
		src, rest = src[len(in):], rest[len(out):]
	}
	return dst, nil
}

// pack packs rows [lo, hi) of one member of e's argument into dst.
func (v *evaluator) pack(e *ir.Expr, lo, hi int64, dst []byte) error {
	arg := e.Args[0]
	src, err := v.rows(arg, lo, hi, 0)
	if err != nil {
		return err
	}
	f, err := pack.Of(e.Form)
	if err != nil {
		return err
	}
	err = f.Pack(dst, src, e.Type, hi-lo, e.Shape[1])
	var bad *pack.ScaleError
	if errors.As(err, &bad) {
		bad.Row += lo
	}
	if err != nil {
		return v.blame(arg, lo, err)
	}
	return nil
}

// unpack is rows [lo, hi) of a stored packed weight. Whole units around the
// range are unpacked; every member starts on one.
func (v *evaluator) unpack(e *ir.Expr, u units, lo, hi int64, depth int) ([]byte, error) {
	src, err := v.packedStored(e.Args[0])
	if err != nil {
		return nil, err
	}
	k := e.Shape[1]
	f, err := pack.Of(e.Args[0].Form)
	if err != nil {
		return nil, err
	}
	unit, err := f.UnitBytes(e.Type, k)
	if err != nil {
		return nil, err
	}
	buf := v.buffer(depth, (hi-lo)*u.size)
	base, at := int64(0), int64(0) // first row and first byte of a member
	for _, n := range e.Rows {
		from, to := max(lo, base)-base, min(hi, base+n)-base
		if from < to {
			first := from / f.Unit
			last := f.Units(to)
			rows := min(last*f.Unit, n) - first*f.Unit
			tmp := v.buffer(depth+1, rows*u.size)
			if err := f.Unpack(tmp, src[at+first*unit:at+last*unit], e.Type, rows, k); err != nil {
				return nil, err
			}
			copy(buf[(base+from-lo)*u.size:(base+to-lo)*u.size], tmp[(from-first*f.Unit)*u.size:])
		}
		base += n
		at += f.Units(n) * unit
	}
	return buf, nil
}

// blame names the tensor and file that row of e comes from.
func (v *evaluator) blame(e *ir.Expr, row int64, err error) error {
	for e != nil && len(e.Args) > 0 {
		switch e.Kind {
		case ir.ExprConcatRows:
			for _, a := range e.Args {
				if e = a; row < a.Shape[0] {
					break
				}
				row -= a.Shape[0]
			}
		case ir.ExprSliceRows:
			row += e.Lo
			e = e.Args[0]
		default:
			e = e.Args[0]
		}
	}
	name := e.Name
	if e.Kind != ir.ExprTensor {
		return fmt.Errorf("%s %s: %w", e.Kind, name, err)
	}
	if t, terr := v.src.Tensor(name); terr == nil {
		return fmt.Errorf("tensor %q in %s: %w", name, t.File, err)
	}
	return fmt.Errorf("tensor %q: %w", name, err)
}
