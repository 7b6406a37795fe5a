// Package backend is what the runtime asks of the things that execute graphs:
// runtime/cpu, runtime/reference, later runtime/metal.
//
// A Backend opens a Device over the weights of a program. A Device compiles
// graphs, holds states and makes buffers. Buffers stay on the device, so that
// one segment's output is the next one's input without a copy.
//
// A call runs a batch of spans: tokens of several sequences, one after another in
// the rows of every value. No span's numbers depend on the others. Positions
// follow from the states: a span starts at the length of its state, or at 0
// without one; a segment that holds only some of the sequence's states knows their own
// length, so that each segment of a chain extends its part.
//
// # When work is done
//
// Run may return before the work is done. Work is done in the order in which it
// was handed in; whatever reads a result (Buffer.Int32 and Float32, State.Save)
// waits for it, takes a context for the wait and returns the error of the run that was
// to make it. Device.Wait waits for everything. A run that fails or is cancelled, then or
// later, leaves every state of its batch at the length it had before; runs handed
// in behind it on the same states or buffers fail too. On the cpu and the reference
// everything is done when Run returns, and nothing waits.
//
// # Who closes what
//
// Everything that is opened can be closed: Device, Executable, State, Buffer.
// Closing twice is harmless, using what is closed is an error. A device is closed
// last. A call that returns an error has opened nothing.
//
// Invariants: Run allocates nothing once a batch of that shape has been run; a
// Device, its Executables, States and Buffers are used by one goroutine at a time;
// several Devices may share the weights.
package backend

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tessera-llm/tessera/pkg/codec"
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
	// PartialBytes bounds the memory in which the parts of attentions over long
	// caches wait for their merge: spans that need more run in groups, one after the
	// other, and a span that needs more alone a part of its chunks at a time, or, where
	// not even two fit, not taken apart, with the same numbers. 0 is DefaultPartialBytes.
	PartialBytes int64
}

// DefaultPartialBytes is the bound when Options.PartialBytes is 0.
const DefaultPartialBytes = 64 << 20

// NodeTime is what one node of one call took.
type NodeTime struct {
	Segment string
	Graph   *ir.Graph
	Node    *ir.Node
	Rows    int // of the node's first output
	Took    time.Duration
	// Spans are the positions that a node with states computes, one range per
	// span of the batch; valid during the call.
	Spans []Range
}

// Range is Rows positions from Start on.
type Range struct{ Start, Rows int }

// Backend makes devices.
type Backend interface {
	Name() string
	// Target is the row of pkg/target whose graphs it executes; "" for a
	// backend that takes any.
	Target() string
	Open(w Weights, o Options) (Device, error)
	// Measure says what a device takes for a load, without opening one: nothing is
	// compiled or allocated, and of w it reads small weights at most. It comes from the
	// code that compiles and allocates, and what that refuses is an error.
	Measure(w Weights, o Options, l Load) (Footprint, error)
}

// Device executes graphs.
type Device interface {
	// Compile prepares g, a graph of the named segment, for batches of at most
	// max.
	Compile(segment string, g *ir.Graph, max Size) (Executable, error)
	// NewState makes room for the given states, up to maxPos positions, K and V
	// in the codecs of kv; recurrent states are f32.
	NewState(states []*ir.State, kv codec.Pair, maxPos int) (State, error)
	// NewBuffer makes a buffer for up to rows rows of a value of type t; the
	// symbolic first dimension of t stands for rows.
	NewBuffer(t ir.Type, rows int) (Buffer, error)
	// Wait waits until everything handed in is done and returns the first error
	// since the last Wait.
	Wait(ctx context.Context) error
	Close() error
}

// Size bounds a batch: tokens of all spans together, and rows they want.
type Size struct{ Tokens, Rows int }

// Span is a run of tokens of one sequence in a batch.
type Span struct {
	// State is the sequence's memory; nil for one that has none. No two spans
	// of a batch have the same.
	State State
	Rows  int // tokens, at least one
	// Want lists the rows, 0 to Rows-1, that select_rows takes; nil: none.
	Want []int32
}

// Executable is one compiled graph.
type Executable interface {
	Graph() *ir.Graph
	// Run executes the graph for a batch, whose spans' rows lie one after another
	// in in and out. These follow the order of the graph's Inputs and Outputs;
	// buffers of outputs get their row counts set. Every state of the batch is Rows
	// positions longer afterwards as far as this graph holds it. After an error, that of
	// a cancelled ctx included, none is. batch belongs to the caller again when Run returns.
	Run(ctx context.Context, batch []Span, in, out []Buffer) error
	// Stats describes the compiled plan.
	Stats() Stats
	Close() error
}

// Stats of an executable.
type Stats struct {
	Nodes    int   // nodes executed per call
	Relayout int   // relayout kernels among them
	Arena    int64 // bytes of the static buffer plan
	Stage    int64 // bytes for what batches of several spans stage, so far
	Tables   int64 // bytes of small weights as the device wants them, and rotations
	Scratch  int64 // bytes of scratch over all workers
	Partials int64 // bytes for parts of attentions so far, of the whole device
}

// State is the memory of one sequence.
type State interface {
	// Len is the number of positions of the sequence, those of all its states.
	// Runs handed in count.
	Len() int
	// Truncate forgets positions from n on. It can always go back to 0, to every length
	// since the last Trim at which a run ended or began, and to every length from the
	// state's floor on: a run to length l raises the floor to l-Rewind, a Load makes it the
	// length loaded, a Truncate below it makes it n, and a fork has that of its parent. So
	// a state that only grows goes back by up to Rewind, and one that went back, or was
	// loaded, by less until it has grown again.
	// A *NotHeldError says that what position n sees is held no more: the state is as
	// before, and the sequence has to be computed again, from where the error says, from a
	// fork that was made earlier or from 0.
	Truncate(n int) error
	// Trim gives up what no position can see to which a Truncate from the present length
	// by up to Rewind leads; of what recurrences carried further back it may keep some. It
	// is called when a call of all segments has succeeded.
	Trim()
	// Fork returns a state of the same content, which shares memory with this
	// one until either is written.
	Fork() (State, error)
	// Memory is what it takes.
	Memory() Memory
	// Save returns what is visible from behind the last position of every state,
	// in the order of the names given to NewState, exact; Load is its inverse. A Load
	// that returns an error has loaded nothing: the state is as before.
	Save(ctx context.Context) ([]StateData, error)
	Load(data []StateData) error
	Close() error
}

// Rewind is how many positions a state that only grew can always go back by; see
// State.Truncate.
const Rewind = 64

// Memory is what a state takes on its device, in bytes. The sum of Fair over all states is
// what is in use, but for less than a byte for every shared piece and holder of it, by which
// it is lower.
type Memory struct {
	Own    int64 // what it alone holds
	Shared int64 // what others hold too, in full
	Fair   int64 // Own, and of every shared piece its part in whole bytes
}

// NotHeldError says that a state cannot go back to length Len.
type NotHeldError struct {
	State   string // the first that cannot
	Len     int
	Nearest int // the longest length below Len to which all can; 0 is always one
}

func (e *NotHeldError) Error() string {
	return fmt.Sprintf("state %s does not hold what position %d sees any more", e.State, e.Len)
}

// StateData is the saved content of one state: raw positions in the codecs
// that codec.ParsePair reads from KV. Of a recurrent state it is the base of the
// open chunk and the rows of its positions.
type StateData struct {
	Name string
	KV   string
	From int // the first position in Data; of a recurrent state the chunk's first
	Len  int // positions of the sequence
	Data []byte
}

// ErrClosed is the error of using what was closed.
var ErrClosed = errors.New("it has been closed")

// Buffer is a value on the device: rows × cols of f32 or i32.
type Buffer interface {
	Rows() int
	Cols() int
	// SetInt32 and SetFloat32 write rows and set their number; they fail when
	// the element type differs, the data is no whole number of rows or there
	// is no room.
	SetInt32(data []int32) error
	SetFloat32(data []float32) error
	// Int32 and Float32 give the rows in row-major order; another element type
	// is an error. On the CPU they are views, valid until the next Run.
	Int32(ctx context.Context) ([]int32, error)
	Float32(ctx context.Context) ([]float32, error)
	Close() error
}
