package tessera

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/tessera-llm/tessera/pkg/format"
	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/pkg/statefile"
	"github.com/tessera-llm/tessera/runtime"
	"github.com/tessera-llm/tessera/runtime/backend"
	"github.com/tessera-llm/tessera/runtime/cpu"
)

// Array is a value that enters or leaves a segment: row-major, float32 or int32.
type Array = runtime.Array

// SegmentOptions of OpenSegment.
type SegmentOptions struct {
	Backend   backend.Backend // nil: cpu.Backend
	Threads   int             // 0: the number of physical cores
	MaxTokens int             // of one Run; 0: 512
	Context   int             // positions of the state; 0: the model's own, at least 8192
	KVType    string          // how K and V are kept; "": that of State, else the model's own
	MaxMemory int64           // refuse what would take more bytes; 0: no bound
	State     string          // file of a state to go on with, which SaveState or run-segment wrote
}

// Segment is one segment of a bundle by itself. Only its own files have to be there. A
// decoder holds a state, which grows by the tokens of every Run. Its methods may be called by
// many goroutines, one at a time runs.
type Segment struct {
	mu    sync.Mutex
	b     *format.Bundle
	s     *runtime.Segment // nil when closed
	graph *ir.Graph
	kv    string
}

// OpenSegment opens the segment called name of the bundle at path.
func OpenSegment(path, name string, o SegmentOptions) (*Segment, error) {
	if o.Backend == nil {
		o.Backend = cpu.Backend{}
	}
	b, err := format.OpenSegment(path, o.Backend.Target(), name)
	if err != nil {
		return nil, err
	}
	return NewSegment(b, name, o)
}

// NewSegment is OpenSegment for a bundle that is open. The segment owns b from here on, also
// when NewSegment fails.
func NewSegment(b *format.Bundle, name string, o SegmentOptions) (*Segment, error) {
	if b == nil {
		return nil, errors.New("tessera: the bundle is nil")
	}
	if o.Backend == nil {
		o.Backend = cpu.Backend{}
	}
	s, err := newSegment(b, name, o)
	if err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return &Segment{b: b, s: s, graph: s.Graph, kv: s.KVType()}, nil
}

// newSegment leaves b open.
func newSegment(b *format.Bundle, name string, o SegmentOptions) (*runtime.Segment, error) {
	p := runtime.BundleProgram(b)
	r := runtime.Options{Backend: o.Backend, Threads: o.Threads, MaxChunk: o.MaxTokens, Context: o.Context, KVType: o.KVType, MaxMemory: o.MaxMemory}
	if r.Context == 0 {
		r.Context = max(o.MaxTokens, runtime.DefaultContext, p.Meta.ContextLength)
	}
	var held *statefile.File
	if o.State != "" {
		var err error
		if held, err = statefile.Read(o.State); err != nil {
			return nil, err
		}
		if held.Bundle != b.Digest {
			return nil, fmt.Errorf("state %s was made with another bundle (manifest sha256 %.12s, want %.12s): use the bundle that wrote it", o.State, held.Bundle, b.Digest)
		}
		r.KVType = cmp.Or(r.KVType, held.Codecs())
	}
	s, err := runtime.NewSegment(p, name, r)
	if err != nil || held == nil {
		return s, err
	}
	if s.State() == nil {
		err = errStateless(name)
	} else if err = s.State().Load(held.States); err != nil {
		err = fmt.Errorf("state %s: %w", o.State, err)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func errStateless(name string) error { return fmt.Errorf("segment %s has no state", name) }

// use locks the segment, if it is open.
func (s *Segment) use() (unlock func(), err error) {
	if s == nil {
		return nil, fmt.Errorf("the segment: %w", ErrClosed)
	}
	s.mu.Lock()
	if s.s == nil {
		s.mu.Unlock()
		return nil, fmt.Errorf("the segment: %w", ErrClosed)
	}
	return s.mu.Unlock, nil
}

// Graph is what the segment computes, with the names and types of inputs and outputs.
func (s *Segment) Graph() *ir.Graph {
	if s == nil {
		return nil
	}
	return s.graph
}

// KVType is how the state's K and V are kept; behind SaveState, what its file says.
func (s *Segment) KVType() string {
	if s == nil {
		return ""
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.kv
}

// Run executes the segment once. in are its inputs by name; those for adjusting or masking
// logits may be left out. want lists the tokens that get logits where they are selected, nil
// the last. The outputs, by name, are copies.
func (s *Segment) Run(ctx context.Context, in map[string]Array, want []int32) (map[string]Array, error) {
	if ctx == nil {
		return nil, errNoContext
	}
	unlock, err := s.use()
	if err != nil {
		return nil, err
	}
	defer unlock()
	return s.s.Run(ctx, in, want)
}

// Len is the number of positions that the state holds; 0 without one.
func (s *Segment) Len() int {
	unlock, err := s.use()
	if err != nil {
		return 0
	}
	defer unlock()
	if s.s.State() == nil {
		return 0
	}
	return s.s.State().Len()
}

// SaveState writes the state to a file, which SegmentOptions.State goes on with, here or
// on another machine.
func (s *Segment) SaveState(ctx context.Context, path string) error {
	if ctx == nil {
		return errNoContext
	}
	unlock, err := s.use()
	if err != nil {
		return err
	}
	defer unlock()
	if s.s.State() == nil {
		return errStateless(s.s.Name)
	}
	data, err := s.s.State().Save(ctx)
	if err != nil {
		return err
	}
	if len(data) > 0 {
		s.kv = data[0].KV
	}
	return statefile.Write(path, s.b.Digest, data)
}

// Close releases everything. Closing twice is harmless.
func (s *Segment) Close() error {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.s == nil {
		return nil
	}
	err := errors.Join(s.s.Close(), s.b.Close())
	s.s = nil
	return err
}
