package backendtest

import (
	"fmt"
	"math"
	"slices"
	"unsafe"

	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/pkg/pack"
	"github.com/tessera-llm/tessera/pkg/quant"
	"github.com/tessera-llm/tessera/pkg/tensor"
	"github.com/tessera-llm/tessera/runtime/backend"
)

// weightTable holds bytes by segment, which is a case's name, and weight.
type weightTable map[string]map[string][]byte

var _ backend.Weights = weightTable{}

func (t weightTable) Bytes(segment string, w *ir.Weight) ([]byte, error) {
	data, ok := t[segment][w.Name]
	if !ok {
		return nil, fmt.Errorf("segment %s has no weight %s", segment, w.Name)
	}
	return data, nil
}

// expand adds the weights of g, the expansion of from, to segment's.
func (t weightTable) expand(segment string, from, g *ir.Graph) error {
	all := map[string][]byte{}
	src := backend.Slices(t, from)
	for _, w := range g.Weights {
		data, err := src.Bytes(segment, w)
		if err != nil {
			return err
		}
		all[w.Name] = aligned(data)
	}
	t[segment] = all
	return nil
}

// randomWeight is a matrix of member rows × k numbers of about 1/√k, encoded
// as t and packed in form f.
func randomWeight(name string, t tensor.Type, f ir.Form, rows []int64, k int64) ([]byte, error) {
	r := seeded(name)
	form, err := pack.Of(f)
	if err != nil {
		return nil, err
	}
	size, err := t.RowBytes(k)
	if err != nil {
		return nil, err
	}
	var all []byte
	x := make([]float32, k)
	for _, n := range rows {
		member := make([]byte, n*size)
		for i := range n {
			for j := range x {
				x[j] = float32((r.NormFloat64() + 0.25) / math.Sqrt(float64(k)))
			}
			if err := quant.Encode(t, member[i*size:(i+1)*size], x); err != nil {
				return nil, err
			}
		}
		bytes, err := form.Size(t, []int64{n}, k)
		if err != nil {
			return nil, err
		}
		packed := make([]byte, bytes)
		if err := form.Pack(packed, member, t, n, k); err != nil {
			return nil, err
		}
		all = append(all, packed...)
	}
	return aligned(all), nil
}

// aligned is data at a multiple of 64, where bundles keep it.
func aligned(data []byte) []byte {
	const align = 64
	buf := make([]byte, len(data)+align)
	skip := int(-uintptr(unsafe.Pointer(unsafe.SliceData(buf))) % align)
	return append(buf[skip:skip:skip+len(data)], data...)
}

// weightCache keeps random weights: many cases want the same.
type weightCache map[string][]byte

func (c weightCache) get(t tensor.Type, f ir.Form, rows []int64, k int64) ([]byte, error) {
	key := fmt.Sprint(t, f, rows, k)
	if data, ok := c[key]; ok {
		return data, nil
	}
	data, err := randomWeight(key, t, f, slices.Clone(rows), k)
	if err != nil {
		return nil, fmt.Errorf("random %s%v × %d: %w", t, rows, k, err)
	}
	c[key] = data
	return data, nil
}
