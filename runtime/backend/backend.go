// Package backend is what the runtime asks of the things that execute graphs:
// runtime/cpu, runtime/reference, later runtime/metal.
//
// A Backend opens a Device over the weights of a program. A Device compiles
// graphs, holds states (KV caches) and makes buffers. Buffers stay on the
// device, so that one segment's output is the next one's input without a copy.
//
// Invariants: Run allocates nothing once its buffers have been used with the
// largest S; a Device, its Executables and Buffers are used by one goroutine
// at a time; several Devices may share the weights.
package backend

import (
	"context"
	"time"

	"github.com/tessera-llm/tessera/pkg/ir"
)

// Weights hands out the constants of a program.
type Weights interface {
	// Bytes returns the data of w, a weight of the named segment, in the type,
	// form and member rows of its expression: read-only and valid until the
	// program is closed.
	Bytes(segment string, w *ir.Weight) ([]byte, error)
}

// Options of a device.
type Options struct {
	// Threads is the number of workers; 0 is the number of physical cores.
	Threads int
	// Trace, when set, sees every f32 and i8 value (the latter dequantised)
	// after the node that makes it: rows × channels, plain order, valid during
	// the call. It slows runs down.
	Trace func(v *ir.Value, rows int, data []float32)
	// Timing, when set, is told what every node took. Nodes then run one by
	// one; a backend that cannot tell ignores it.
	Timing func(t NodeTime)
}

// NodeTime is what one node of one call took.
type NodeTime struct {
	Segment string
	Graph   *ir.Graph
	Node    *ir.Node
	Rows    int // of the node's first output
	Start   int // first position, for nodes with states
	Took    time.Duration
}

// Backend makes devices.
type Backend interface {
	Name() string
	// Target is the row of pkg/target whose graphs it executes; "" for a
	// backend that takes any.
	Target() string
	Open(w Weights, o Options) (Device, error)
}

// Device executes graphs.
type Device interface {
	// Compile prepares g, a graph of the named segment, for calls of at most
	// maxTokens tokens.
	Compile(segment string, g *ir.Graph, maxTokens int) (Executable, error)
	// NewState makes room for the given states, up to maxPos positions, in
	// cache type kv (f32, f16 or q8_0).
	NewState(states []*ir.State, kv string, maxPos int) (State, error)
	// NewBuffer makes a buffer for up to rows rows of a value of type t; the
	// symbolic first dimension of t stands for rows.
	NewBuffer(t ir.Type, rows int) (Buffer, error)
	Close() error
}

// Executable is one compiled graph.
type Executable interface {
	Graph() *ir.Graph
	// Run executes the graph. in and out follow the order of the graph's
	// Inputs and Outputs; buffers of outputs get their row counts set. The
	// positions input must be consecutive and start at or before st's length;
	// behind them the state is forgotten. A cancelled ctx ends the run between
	// two nodes with ctx's error and leaves the state at its old length.
	Run(ctx context.Context, st State, in, out []Buffer) error
	// Stats describes the compiled plan.
	Stats() Stats
}

// Stats of an executable.
type Stats struct {
	Nodes    int   // nodes executed per call
	Relayout int   // relayout kernels among them
	Arena    int64 // bytes of the static buffer plan
	Scratch  int64 // bytes of scratch over all workers
}

// State is the memory of one sequence.
type State interface {
	// Len is the number of positions held.
	Len() int
	// Truncate forgets positions from n on.
	Truncate(n int) error
	// Fork copies the state.
	Fork() (State, error)
	// Bytes is the memory it takes.
	Bytes() int64
	// Save returns the first Len positions of every state, in the order of
	// the names given to NewState, exact; Load is its inverse.
	Save() ([]StateData, error)
	Load(data []StateData) error
}

// StateData is the saved content of one state: raw positions in cache type
// KV.
type StateData struct {
	Name string
	KV   string
	Len  int
	Data []byte
}

// Buffer is a value on the device: rows × cols of f32 or i32.
type Buffer interface {
	Rows() int
	Cols() int
	// SetInt32 and SetFloat32 write rows and set their number; they fail when
	// the element type differs, the data is no whole number of rows or there
	// is no room.
	SetInt32(data []int32) error
	SetFloat32(data []float32) error
	// Int32 and Float32 give the rows in row-major order, nil for another
	// element type. On the CPU they are views, valid until the next Run.
	Int32() []int32
	Float32() []float32
}
