package kernel

import (
	"fmt"

	"github.com/tessera-llm/tessera/internal/f32"
)

// RMSNorm is y = (x*r)*w over each run of Dim channels, r = 1/sqrt(mean(x²) +
// Eps). X is plain f32; Out is f32 plain (and may alias X) or c4, or i8, plain or
// c4: what QuantizeAct would make of the f32, which is never written.
//
// A work item is four tokens.
type RMSNorm struct {
	Tier   Tier
	X, Out Act
	Weight []float32 // [Dim]
	Dim    int
	Eps    float32
}

// Prepare checks shapes.
func (n *RMSNorm) Prepare() error {
	if err := wantPlain("rms_norm", "input", &n.X, n.X.S, n.X.C); err != nil {
		return err
	}
	if err := checkNorm("rms_norm", n.Weight, n.Dim, n.X.C); err != nil {
		return err
	}
	return wantShape("rms_norm", "output", &n.Out, n.X.S, n.X.C)
}

func checkNorm(op string, w []float32, dim, c int) error {
	if dim <= 0 || c%dim != 0 || len(w) != dim {
		return fmt.Errorf("%s: dim %d and weight of %d channels do not fit %d channels", op, dim, len(w), c)
	}
	return nil
}

// Items is one per four tokens.
func (n *RMSNorm) Items() int { return ceil(n.X.S, 4) }

// Scratch is one row.
func (n *RMSNorm) Scratch() int { return roundUp(4*n.X.C, 64) }

// Run normalises tiles lo to hi-1.
func (n *RMSNorm) Run(lo, hi int, scratch []byte) {
	vec := vectorTier(n.Tier)
	if n.Out.Elem == I8 {
		w, _ := tile(n.Out.Layout, n.Out.S)
		for t := 4 * lo; t < min(4*hi, n.X.S); t += w {
			normTile(&n.Out, &n.X, t, n.Weight, n.Eps, vec)
		}
		return
	}
	if lo == 0 {
		n.Out.zeroPads()
	}
	for t := 4 * lo; t < min(4*hi, n.X.S); t++ {
		row := n.X.F[t*n.X.C : (t+1)*n.X.C]
		normRow(&n.Out, t, row, n.Weight, n.Dim, n.Eps, scratch, vec)
	}
}

// normRow normalises one row into out; plain rows are written in place.
func normRow(out *Act, t int, row, w []float32, dim int, eps float32, scratch []byte, vec Tier) {
	c := len(row)
	var dst []float32
	if contiguous := out.Layout == Plain || out.S == 1; contiguous {
		dst = out.F[t*c:][:c]
	} else {
		dst = slice[float32](scratch, 0, c)
	}
	for k := 0; k < c; k += dim {
		normRun(dst[k:k+dim], row[k:k+dim], w, eps, vec)
	}
	if out.Layout == C4 && out.S > 1 {
		putRow(out, t, dst, vec)
	}
}

// normRun normalises one run; dst may be x.
func normRun(dst, x, w []float32, eps float32, vec Tier) {
	scaleMul(dst, x, w, inverseRMS(x, eps, vec), vec)
}

func inverseRMS(x []float32, eps float32, vec Tier) float32 {
	return 1 / f32.Sqrt(sumSquares(x, vec)/float32(len(x))+eps)
}

// normTile normalises the tile of an i8 activation that begins with token t,
// and quantises it slab by slab.
func normTile(out, x *Act, t int, w []float32, eps float32, vec Tier) {
	c, dim := x.C, len(w)
	width, _ := tile(out.Layout, out.S)
	tokens := min(width, x.S-t)
	var y slabTile
	var r [4]float32 // 1/rms of each token's current run
	run := [4]int{-1, -1, -1, -1}
	for k := 0; k < c; k += Slab {
		end := min(k+Slab, c)
		for l := range tokens {
			row := x.F[(t+l)*c:][:c]
			for from := k; from < end; {
				i := from / dim
				if i != run[l] {
					run[l], r[l] = i, inverseRMS(row[i*dim:][:dim], eps, vec)
				}
				to := min((i+1)*dim, end)
				scaleMul(y[l][from-k:to-k], row[from:to], w[from-i*dim:to-i*dim], r[l], vec)
				from = to
			}
			clear(y[l][end-k:])
		}
		out.quantiseTile(&y, k/Slab, t/width, vec)
	}
}

// AddRMSNorm is Sum = A + B, Out = rms_norm(Sum). A, B and Sum are plain; Sum
// may alias either; Out is f32 or i8, plain or c4.
type AddRMSNorm struct {
	Tier           Tier
	A, B, Sum, Out Act
	Weight         []float32 // [Dim]
	Dim            int
	Eps            float32
}

// Prepare checks shapes.
func (n *AddRMSNorm) Prepare() error {
	s, c := n.A.S, n.A.C
	if err := wantPlain("add_rms_norm", "input a", &n.A, s, c); err != nil {
		return err
	}
	if err := wantPlain("add_rms_norm", "input b", &n.B, s, c); err != nil {
		return err
	}
	if err := wantPlain("add_rms_norm", "sum", &n.Sum, s, c); err != nil {
		return err
	}
	if err := checkNorm("add_rms_norm", n.Weight, n.Dim, c); err != nil {
		return err
	}
	return wantShape("add_rms_norm", "output", &n.Out, s, c)
}

// Items is one per four tokens.
func (n *AddRMSNorm) Items() int { return ceil(n.A.S, 4) }

// Scratch is one row.
func (n *AddRMSNorm) Scratch() int { return roundUp(4*n.A.C, 64) }

// Run adds and normalises tiles lo to hi-1.
func (n *AddRMSNorm) Run(lo, hi int, scratch []byte) {
	vec := vectorTier(n.Tier)
	c := n.A.C
	if n.Out.Elem == F32 && lo == 0 {
		n.Out.zeroPads()
	}
	w, _ := tile(n.Out.Layout, n.Out.S)
	for t := 4 * lo; t < min(4*hi, n.A.S); t++ {
		sum := n.Sum.F[t*c : (t+1)*c]
		addRun(sum, n.A.F[t*c:(t+1)*c], n.B.F[t*c:(t+1)*c], vec)
		switch {
		case n.Out.Elem == F32:
			normRow(&n.Out, t, sum, n.Weight, n.Dim, n.Eps, scratch, vec)
		case t%w == w-1 || t == n.A.S-1: // the last of a tile
			normTile(&n.Out, &n.Sum, t-t%w, n.Weight, n.Eps, vec)
		}
	}
}
