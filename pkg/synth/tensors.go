package synth

import (
	"io"
	"math"
	"strings"
	"sync"

	"github.com/tessera-llm/tessera/pkg/model"
	"github.com/tessera-llm/tessera/pkg/quant"
	"github.com/tessera-llm/tessera/pkg/tensor"
)

// scale is the standard deviation of a matrix: inputs of variance one give
// outputs of variance one; the two that write the residual stream are smaller,
// so that it grows by one over the depth of the model; logits have a spread of
// about two.
func scale(c *model.Config, s *model.Slot) float32 {
	role, _ := quant.RoleOf(s.Name)
	std := 1 / math.Sqrt(float64(s.Shape.Last()))
	switch role {
	case quant.RoleAttnOutput, quant.RoleFFNDown:
		std /= math.Sqrt(2 * float64(len(c.Layers)))
	case quant.RoleTokenEmbd, quant.RoleOutput:
		std *= 2
	}
	return float32(std)
}

// vector makes a norm weight, near one, or a bias, near zero.
func vector(seed uint64, s *model.Slot) []float32 {
	x := make([]float32, s.Shape[0])
	base := float32(0)
	if strings.HasSuffix(s.Name, "_norm.weight") {
		base = 1
	}
	stream := seedOf(seed, s.Name)
	for i := range x {
		x[i] = toBF16(base + float32(normal(split(stream, uint64(i)))*0.1))
	}
	return x
}

// matrix reads the rows of one matrix in its type.
type matrix struct {
	pool    []byte
	stream  uint64
	n, k    int64
	row     int64  // bytes of a row
	block   int64  // bytes of a whole block
	blocks  uint64 // of the pool
	rot     int64  // rows of a head to be interleaved; 0: none
	workers int

	next int64 // row
	buf  []byte
	rest []byte
}

// chunk is how much of a matrix is made at a time.
const chunk = 8 << 20

func newMatrix(p *pools, c *model.Config, s *model.Slot, t tensor.Type, heads int64) (*matrix, error) {
	pool, err := p.get(scale(c, s), t)
	if err != nil {
		return nil, err
	}
	m := &matrix{pool: pool, stream: seedOf(p.seed, s.Name), n: s.Shape[0], k: s.Shape[1], block: int64(len(pool) / p.blocks), blocks: uint64(p.blocks), workers: p.workers}
	if m.row, err = t.RowBytes(m.k); err != nil {
		return nil, err
	}
	if heads > 0 {
		m.rot = m.n / heads
	}
	m.buf = make([]byte, min(m.n, max(1, chunk/m.row))*m.row)
	return m, nil
}

var _ io.Reader = (*matrix)(nil)

// Read implements io.Reader.
func (m *matrix) Read(p []byte) (int, error) {
	if len(m.rest) == 0 {
		if m.next == m.n {
			return 0, io.EOF
		}
		m.fill()
	}
	n := copy(p, m.rest)
	m.rest = m.rest[n:]
	return n, nil
}

// fill makes the next rows, shared among the workers.
func (m *matrix) fill() {
	rows := min(int64(len(m.buf))/m.row, m.n-m.next)
	m.rest = m.buf[:rows*m.row]
	share := (rows + int64(m.workers) - 1) / int64(m.workers)
	var wg sync.WaitGroup
	for lo := int64(0); lo < rows; lo += share {
		wg.Go(func() {
			for r := lo; r < min(lo+share, rows); r++ {
				m.makeRow(m.rest[r*m.row:][:m.row], m.next+r)
			}
		})
	}
	wg.Wait()
	m.next += rows
}

// makeRow writes stored row r.
func (m *matrix) makeRow(dst []byte, r int64) {
	if m.rot > 0 { // row 2j+s of a head holds row s·hd/2+j of the model
		i := r % m.rot
		r += i%2*(m.rot/2) + i/2 - i
	}
	perRow := (m.k + blockElems - 1) / blockElems
	for b := r * perRow; len(dst) > 0; b++ {
		from := int64(split(m.stream, uint64(b))%m.blocks) * m.block
		dst = dst[copy(dst, m.pool[from:from+m.block]):]
	}
}
