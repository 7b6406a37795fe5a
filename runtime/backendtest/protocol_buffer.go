package backendtest

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/runtime/backend"
)

// checkClose: everything may be closed twice; what is closed may not be used.
func checkClose(s *suite, i int) error {
	v := s.variants[i]
	d, err := v.Backend.Open(s.weights, backend.Options{Threads: v.Threads})
	if err != nil {
		return err
	}
	own := *s
	own.devices = make([]backend.Device, len(s.devices))
	own.devices[i] = d
	m, err := own.tiny(i)
	if err != nil {
		return err
	}
	st, err := m.state()
	if err != nil {
		return err
	}
	if _, err := m.call(context.Background(), st, tinyIDs(3)); err != nil {
		return err
	}
	type closer interface{ Close() error }
	twice := func(what string, c closer) error {
		if err := c.Close(); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		if err := c.Close(); err != nil {
			return fmt.Errorf("%s closed twice: %w", what, err)
		}
		return nil
	}
	closed := func(what string, err error) error {
		if !errors.Is(err, backend.ErrClosed) {
			return fmt.Errorf("%s: %v, want %q", what, err, backend.ErrClosed)
		}
		return nil
	}
	use := func(in []backend.Buffer, st backend.State) error {
		_, err := m.raw(context.Background(), in, m.out, backend.Span{State: st, Rows: 1, Want: []int32{0}})
		return err
	}
	in, err := m.d.NewBuffer(m.g.Value(m.g.Inputs[0]).Type, 1)
	if err != nil {
		return err
	}
	if err := first(in.SetInt32([]int32{1}), twice("a buffer", in), closed("a closed buffer", use([]backend.Buffer{in}, st))); err != nil {
		return err
	}
	if err := first(closed("writing a closed buffer", in.SetInt32([]int32{1})), m.in[0].SetInt32([]int32{1}), use(m.in, st)); err != nil {
		return err
	}
	if err := first(twice("a state", st), closed("a closed state", use(m.in, st)), closed("a rewound closed state", st.Truncate(0))); err != nil {
		return err
	}
	_, fork := st.Fork()
	_, save := st.Save(context.Background())
	if err := first(closed("a fork of a closed state", fork), closed("a saved closed state", save), closed("a loaded closed state", st.Load(nil))); err != nil {
		return err
	}
	if st, err = m.state(); err != nil {
		return err
	}
	if err := first(twice("an executable", m.exe), closed("a closed executable", use(m.in, st)), st.Close()); err != nil {
		return err
	}
	for _, b := range append(m.in, m.out...) {
		if err := b.Close(); err != nil {
			return err
		}
	}
	if err := twice("a device", d); err != nil {
		return err
	}
	_, err = d.NewBuffer(ir.Type{Elem: ir.F32, Shape: ir.Shape{ir.S, 1}}, 1)
	_, compile := d.Compile("tiny", m.g, backend.Size{Tokens: 1, Rows: 1})
	if err := first(closed("a buffer of a closed device", err), closed("a segment of a closed device", compile)); err != nil {
		return err
	}
	_, err = d.NewState(m.g.States, plain, 8)
	return closed("a state of a closed device", err)
}

func checkCompile(s *suite, i int) error {
	if _, err := s.tiny(i); err != nil {
		return err
	}
	d := s.devices[i]
	compile := func(segment, text string, max backend.Size) error {
		g, err := ir.Parse(text)
		if err != nil {
			return err
		}
		_, err = d.Compile(segment, g, max)
		return err
	}
	ok := backend.Size{Tokens: 8, Rows: 8}
	return first(
		wantError("batches of no tokens", compile("tiny", tinyText, backend.Size{Rows: 8})),
		wantError("batches of less than no rows", compile("tiny", tinyText, backend.Size{Tokens: 8, Rows: -1})),
		wantError("a graph that breaks a rule", compile("tiny", strings.Replace(tinyText, "output %9", "output %9\noutput %9", 1), ok), "V3"),
		wantError("an unknown op", compile("tiny", strings.ReplaceAll(tinyText, "rms_norm(", "rms_morn("), ok), "rms_morn"),
		wantError("a missing weight", compile("no such segment", "graph g\ninput %0 x f32[S,32]\nweight @head f32[11,32] = stored(head, f32[11,32], rows, [11])\n%1 y f32[S,11] = matmul(%0, @head)\noutput %1", ok), "head"),
	)
}

func checkBuffers(s *suite, i int) error {
	m, err := s.tiny(i)
	if err != nil {
		return err
	}
	defer m.close()
	st, err := m.state()
	if err != nil {
		return err
	}
	defer st.Close()
	ctx := context.Background()
	if _, err := m.call(ctx, st, tinyIDs(3)); err != nil {
		return err
	}
	small, err := buffers(m.d, m.g, m.g.Outputs, 2)
	if err != nil {
		return err
	}
	narrow, err := m.d.NewBuffer(ir.Type{Elem: ir.F32, Shape: ir.Shape{ir.R, tinyVocab - 1}}, tinyCall)
	if err != nil {
		return err
	}
	floats, err := m.d.NewBuffer(ir.Type{Elem: ir.F32, Shape: ir.Shape{ir.S, 1}}, tinyCall)
	if err != nil {
		return err
	}
	run := func(in, out []backend.Buffer) error {
		_, err := m.raw(ctx, in, out, backend.Span{State: st, Rows: 3, Want: []int32{0, 1, 2}})
		return err
	}
	_, tooMany := m.d.NewBuffer(ir.Type{Elem: ir.F32, Shape: ir.Shape{ir.S, ir.MaxChannels}}, 1<<40)
	_, i8 := m.d.NewBuffer(ir.Type{Elem: ir.I8, Shape: ir.Shape{ir.S, 32}, Scheme: ir.Schemes[0]}, 1)
	_, asFloat := m.in[0].Float32(ctx)
	_, asInt := m.out[0].Int32(ctx)
	return first(
		wantError("no input", run(nil, m.out)),
		wantError("one output too many", run(m.in, append(m.out, m.out...))),
		wantError("an output buffer with too little room", run(m.in, small)),
		wantError("an output buffer of other channels", run(m.in, []backend.Buffer{narrow}), "logits"),
		wantError("an input buffer of another element type", run([]backend.Buffer{floats}, m.out), "ids"),
		wantError("more rows than room", m.in[0].SetInt32(make([]int32, tinyCall+1))),
		wantError("f32 in an i32 buffer", m.in[0].SetFloat32([]float32{1})),
		wantError("i32 in an f32 buffer", m.out[0].SetInt32([]int32{1})),
		wantError("half a row", narrow.SetFloat32(make([]float32, tinyVocab))),
		wantError("a buffer without end", tooMany),
		wantError("a buffer of a quantised activation", i8),
		wantError("integers as numbers", asFloat),
		wantError("numbers as integers", asInt),
		wantLen("after calls that could not begin", st, 3),
		m.in[0].SetInt32(tinyIDs(2)),
		wantError("fewer ids than tokens", run(m.in, m.out)),
		m.in[0].SetInt32(tinyIDs(4)),
		wantError("more ids than tokens", run(m.in, m.out)),
		wantLen("after them", st, 3),
	)
}

// foreign stands for anything of another backend.
type foreign struct {
	backend.Buffer
	backend.State
}

func (foreign) Rows() int    { return 1 }
func (foreign) Cols() int    { return 1 }
func (foreign) Len() int     { return 0 }
func (foreign) Close() error { return nil }

func checkForeign(s *suite, i int) error {
	m, err := s.tiny(i)
	if err != nil {
		return err
	}
	defer m.close()
	st, err := m.state()
	if err != nil {
		return err
	}
	defer st.Close()
	if _, err := m.call(context.Background(), st, tinyIDs(1)); err != nil {
		return err
	}
	v := s.variants[i]
	d, err := v.Backend.Open(s.weights, backend.Options{Threads: v.Threads})
	if err != nil {
		return err
	}
	defer d.Close()
	other, err := d.NewState(m.g.States, plain, tinyContext)
	if err != nil {
		return err
	}
	defer other.Close()
	run := func(in, out []backend.Buffer, st backend.State) error {
		return m.exe.Run(context.Background(), []backend.Span{{State: st, Rows: 1, Want: []int32{0}}}, in, out)
	}
	return first(
		wantError("an input of another backend", run([]backend.Buffer{foreign{}}, m.out, st)),
		wantError("an output of another backend", run(m.in, []backend.Buffer{foreign{}}, st)),
		wantError("a state of another backend", run(m.in, m.out, foreign{})),
		wantError("a state of another device", run(m.in, m.out, other)),
		wantLen("after them", st, 1),
	)
}

func checkIDs(s *suite, i int) error {
	m, err := s.tiny(i)
	if err != nil {
		return err
	}
	defer m.close()
	st, err := m.state()
	if err != nil {
		return err
	}
	defer st.Close()
	for _, bad := range []int32{-1, tinyVocab, 1 << 30} {
		_, id := m.call(context.Background(), st, []int32{1, bad, 2})
		_, row := m.batch(context.Background(), []int32{1, 2}, backend.Span{State: st, Rows: 2, Want: []int32{0, bad}})
		if err := first(wantError("an unknown id", id, fmt.Sprint(bad)), wantError("an unknown row", row, fmt.Sprint(bad)), wantLen("after an unknown id", st, 0)); err != nil {
			return err
		}
	}
	return nil
}
