package weights

import (
	"context"
	"fmt"
	"io"
	"sync"

	"github.com/tessera-llm/tessera/internal/mmap"
	"github.com/tessera-llm/tessera/pkg/ir"
)

// Options of an evaluation. The zero value works with one worker.
type Options struct {
	Workers  int           // goroutines that evaluate blocks; less than 1 means 1
	Progress func(n int64) // called after each block with its bytes, one call at a time
}

// Write streams the bytes of e to w, in order. On an error some bytes may have
// been written.
func Write(ctx context.Context, w io.Writer, e *ir.Expr, src Source, o Options) error {
	return run(ctx, e, src, o, nil, func(b block, data []byte) error {
		_, err := w.Write(data)
		return err
	})
}

// Fill writes the bytes of e to dst, which must have exactly their size.
func Fill(ctx context.Context, dst []byte, e *ir.Expr, src Source, o Options) error {
	size, err := Size(e)
	if err != nil {
		return err
	}
	if int64(len(dst)) != size {
		return fmt.Errorf("room for %d bytes, want %d for %s %v", len(dst), size, e.Type, e.Shape)
	}
	return run(ctx, e, src, o, dst, func(block, []byte) error { return nil })
}

// done is an evaluated block on its way to the writer.
type done struct {
	data []byte
	buf  *[]byte // to be given back; nil when data is a view
	err  error
}

// run evaluates the blocks of e with several workers and gives them to sink in
// order, at most two per worker ahead. With dst, blocks land there instead.
func run(ctx context.Context, e *ir.Expr, src Source, o Options, dst []byte, sink func(block, []byte) error) error {
	e, err := simple(e)
	if err != nil {
		return err
	}
	all, err := blocks(e)
	if err != nil {
		return err
	}
	workers := max(1, min(o.Workers, len(all)))
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()

	type job struct {
		b   block
		out chan done
	}
	jobs := make(chan job)
	order := make(chan job, 2*workers)
	pool := sync.Pool{New: func() any { return new([]byte) }}
	wg.Go(func() {
		defer close(jobs)
		defer close(order)
		for _, b := range all {
			j := job{b, make(chan done, 1)}
			select {
			case order <- j:
			case <-ctx.Done():
				return
			}
			select {
			case jobs <- j:
			case <-ctx.Done():
				return
			}
		}
	})
	for range workers {
		wg.Go(func() {
			v := &evaluator{src: src}
			for j := range jobs {
				j.out <- v.guarded(e, j.b, dst, &pool)
			}
		})
	}
	for j := range order {
		var d done
		select {
		case d = <-j.out:
		case <-ctx.Done():
			return ctx.Err()
		}
		if d.err != nil {
			return d.err
		}
		// Views are read here for the first time, so this too needs a guard.
		if err := mmap.Guard(func() error { return sink(j.b, d.data) }); err != nil {
			return err
		}
		if d.buf != nil {
			pool.Put(d.buf)
		}
		if o.Progress != nil {
			o.Progress(j.b.size)
		}
	}
	return ctx.Err()
}

// guarded evaluates one block; its bytes are a view of the source, in dst, or
// in a buffer of the pool.
func (v *evaluator) guarded(e *ir.Expr, b block, dst []byte, pool *sync.Pool) done {
	var d done
	d.err = mmap.Guard(func() error {
		if dst != nil {
			room := dst[b.off : b.off+b.size]
			data, err := v.evaluate(e, b, room)
			if err == nil && !sameMemory(room, data) {
				copy(room, data)
			}
			return err
		}
		if v.isView(e, b) {
			data, err := v.evaluate(e, b, nil)
			d.data = data
			return err
		}
		d.buf = pool.Get().(*[]byte)
		if int64(cap(*d.buf)) < b.size {
			*d.buf = make([]byte, b.size)
		}
		room := (*d.buf)[:b.size]
		data, err := v.evaluate(e, b, room)
		if err == nil && !sameMemory(room, data) {
			copy(room, data)
		}
		d.data = room
		return err
	})
	if d.err == nil && dst == nil && int64(len(d.data)) != b.size {
		d.err = fmt.Errorf("block of rows [%d, %d): %d bytes, want %d", b.lo, b.hi, len(d.data), b.size)
	}
	return d
}

// isView reports whether a block of e is a view of the source, valid beyond
// the next block.
func (v *evaluator) isView(e *ir.Expr, b block) bool {
	switch e.Kind {
	case ir.ExprTensor, ir.ExprStored:
		return true
	case ir.ExprSliceRows:
		return v.isView(e.Args[0], block{lo: b.lo + e.Lo, hi: b.hi + e.Lo})
	}
	return false
}

func sameMemory(a, b []byte) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}
