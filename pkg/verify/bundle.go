package verify

import (
	"context"

	"github.com/tessera-llm/tessera/pkg/format"
	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/pkg/tensor"
	"github.com/tessera-llm/tessera/runtime"
	"github.com/tessera-llm/tessera/runtime/backend"
)

// Bundle compares an open bundle with its own definition: every fused op
// expanded into simple ops over the same packed weights. Both run o.Calls,
// joined, in one call and in calls of seven tokens.
func Bundle(ctx context.Context, b *format.Bundle, o Options) ([]VariantResult, error) {
	program := func(expand bool) func() (*runtime.Program, error) {
		return func() (*runtime.Program, error) {
			p := &runtime.Program{Weights: b, Meta: b.Manifest.Meta}
			whole := bySegment{}
			for _, s := range b.Segments {
				if expand {
					whole[s.Name] = backend.Slices(b, s.Graph)
					s.Graph = s.Graph.Clone()
					if err := ir.Expand(s.Graph, nil); err != nil {
						return nil, err
					}
				}
				p.Segments = append(p.Segments, s)
			}
			if expand {
				p.Weights = whole
			}
			return p, nil
		}
	}
	var ids []int32
	for _, c := range o.Calls {
		ids = append(ids, c...)
	}
	if err := o.Engine.check(); err != nil {
		return nil, err
	}
	list := []Variant{
		{Name: "as stored", Chunk: len(ids), Program: program(false)},
		{Name: "fused ops expanded", Chunk: len(ids), Program: program(true)},
		{Name: "chunks of 7", Chunk: 7, Program: program(false)},
		{Name: "fused ops expanded, chunks of 7", Chunk: 7, Program: program(true)},
		{Name: "in company of 5 others, chunks of 7", Chunk: 7, Company: 5, Program: program(false)},
	}
	for i := range list {
		list[i].Backend, list[i].Threads, list[i].KVType, list[i].MaxMemory = o.Engine.Backend, o.Threads, o.KVType, o.MaxMemory
	}
	return Variants(ctx, ids, o.Engine.Judge, list)
}

// bySegment finds the weights of every segment.
type bySegment map[string]backend.Weights

var _ backend.Located = bySegment{}

func (m bySegment) Bytes(segment string, w *ir.Weight) ([]byte, error) {
	return m[segment].Bytes(segment, w)
}

// Extent says where the segment's weights have it.
func (m bySegment) Extent(segment string, w *ir.Weight) (tensor.Extent, bool) {
	return backend.ExtentOf(m[segment], segment, w)
}
