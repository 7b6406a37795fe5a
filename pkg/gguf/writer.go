package gguf

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/tessera-llm/tessera/pkg/tensor"
)

// KV is one metadata entry to write. Value is a uint8, int8, ... uint64, int64,
// float32, float64, bool or string, a slice of one of these, or the Value of a
// File; the Go type decides the GGUF type.
type KV struct {
	Key   string
	Value any
}

// Options declare a file: everything but the tensor data.
type Options struct {
	KV      []KV
	Tensors []tensor.Info // Name, Type and Shape count; data are written in this order
	// Alignment of the data, a power of two. 0 means what general.alignment in
	// KV says, else 32. Another value than 32 is written as general.alignment.
	Alignment int
}

// Writer streams one GGUF file of version 3.
type Writer struct {
	w       io.Writer
	align   int64
	tensors []tensor.Info // Bytes and Off filled in
	next    int
	err     error // sticky
}

// NewWriter checks the declaration and writes the header. The caller writes the
// tensors in order and closes the Writer; w itself stays open.
func NewWriter(w io.Writer, o Options) (*Writer, error) {
	head, wr, err := encodeHeader(o)
	if err != nil {
		return nil, fmt.Errorf("gguf: %w", err)
	}
	wr.w = w
	if _, err := w.Write(head); err != nil {
		return nil, err
	}
	return wr, nil
}

// Size is the size in bytes of the file that o declares.
func Size(o Options) (int64, error) {
	head, w, err := encodeHeader(o)
	if err != nil {
		return 0, fmt.Errorf("gguf: %w", err)
	}
	n := int64(len(head))
	for _, t := range w.tensors {
		n += pad(t.Bytes, w.align)
	}
	return n, nil
}

// Write copies the data of the next declared tensor from r, which must hold
// exactly its bytes.
func (w *Writer) Write(name string, r io.Reader) error {
	t, err := w.begin(name)
	if err != nil {
		return err
	}
	n, err := io.Copy(w.w, io.LimitReader(r, t.Bytes))
	if err == nil && n < t.Bytes {
		err = fmt.Errorf("got %d bytes, want %d", n, t.Bytes)
	}
	if err == nil {
		var more [1]byte
		if n, _ := io.ReadFull(r, more[:]); n > 0 {
			err = fmt.Errorf("got more than the %d bytes of %s %v", t.Bytes, t.Type, t.Shape)
		}
	}
	return w.end(t, err)
}

// WriteBytes writes the data of the next declared tensor.
func (w *Writer) WriteBytes(name string, data []byte) error {
	return w.Write(name, bytes.NewReader(data))
}

func (w *Writer) begin(name string) (tensor.Info, error) {
	if w.err != nil {
		return tensor.Info{}, w.err
	}
	if w.next == len(w.tensors) {
		return tensor.Info{}, w.fail(fmt.Errorf("tensor %q: all %d declared tensors are written", name, w.next))
	}
	t := w.tensors[w.next]
	if t.Name != name {
		return tensor.Info{}, w.fail(fmt.Errorf("tensor %q: want %q, the next in declared order", name, t.Name))
	}
	return t, nil
}

// end pads after a tensor.
func (w *Writer) end(t tensor.Info, err error) error {
	if err == nil {
		_, err = w.w.Write(make([]byte, pad(t.Bytes, w.align)-t.Bytes))
	}
	if err != nil {
		return w.fail(fmt.Errorf("tensor %q: %w", t.Name, err))
	}
	w.next++
	return nil
}

func (w *Writer) fail(err error) error {
	w.err = fmt.Errorf("gguf: %w", err)
	return w.err
}

// Close fails when declared tensors are missing.
func (w *Writer) Close() error {
	if w.err != nil {
		return w.err
	}
	if w.next < len(w.tensors) {
		return w.fail(fmt.Errorf("%d of %d tensors written, %q is next", w.next, len(w.tensors), w.tensors[w.next].Name))
	}
	return nil
}

// encodeHeader returns the header with its padding, and a Writer without
// destination. What it accepts, Open accepts.
func encodeHeader(o Options) ([]byte, *Writer, error) {
	kvs, align, err := o.aligned()
	if err != nil {
		return nil, nil, err
	}
	if len(kvs) > MaxKeys || len(o.Tensors) > MaxTensors {
		return nil, nil, fmt.Errorf("%d keys and %d tensors, at most %d and %d are allowed", len(kvs), len(o.Tensors), MaxKeys, MaxTensors)
	}
	le := binary.LittleEndian
	b := le.AppendUint32([]byte("GGUF"), 3)
	b = le.AppendUint64(b, uint64(len(o.Tensors)))
	b = le.AppendUint64(b, uint64(len(kvs)))
	seen := map[string]struct{}{}
	for _, kv := range kvs {
		if err := declare(seen, "key", kv.Key, MaxKeyName); err != nil {
			return nil, nil, err
		}
		if b, err = appendValue(appendString(b, kv.Key), kv.Value); err != nil {
			return nil, nil, fmt.Errorf("key %q: %w", kv.Key, err)
		}
	}
	w := &Writer{align: align, tensors: append([]tensor.Info(nil), o.Tensors...)}
	if b, err = w.appendInfos(b); err != nil {
		return nil, nil, err
	}
	if len(b) > MaxHeader {
		return nil, nil, fmt.Errorf("header of %d bytes, at most %d are allowed", len(b), MaxHeader)
	}
	return append(b, make([]byte, pad(int64(len(b)), align)-int64(len(b)))...), w, nil
}

// appendInfos appends the tensor list and fills Bytes and Off.
func (w *Writer) appendInfos(b []byte) ([]byte, error) {
	le := binary.LittleEndian
	seen := map[string]struct{}{}
	off := int64(0)
	for i := range w.tensors {
		t := &w.tensors[i]
		if err := declare(seen, "tensor", t.Name, MaxTensorName); err != nil {
			return nil, err
		}
		id, ok := TypeID(t.Type)
		if !ok {
			return nil, fmt.Errorf("tensor %q: GGUF has no type %s", t.Name, t.Type)
		}
		if len(t.Shape) > MaxDims {
			return nil, fmt.Errorf("tensor %q: shape %v, at most %d dimensions are allowed", t.Name, t.Shape, MaxDims)
		}
		var err error
		if t.Bytes, err = tensor.Bytes(t.Type, t.Shape); err != nil {
			return nil, fmt.Errorf("tensor %q: %w", t.Name, err)
		}
		b = le.AppendUint32(appendString(b, t.Name), uint32(len(t.Shape)))
		for d := len(t.Shape) - 1; d >= 0; d-- {
			b = le.AppendUint64(b, uint64(t.Shape[d]))
		}
		b = le.AppendUint64(le.AppendUint32(b, id), uint64(off))
		t.Off = off
		if off += pad(t.Bytes, w.align); off < t.Off {
			return nil, fmt.Errorf("tensor %q: the file is too large", t.Name)
		}
	}
	return b, nil
}

// declare checks a name and that it is new.
func declare(seen map[string]struct{}, what, name string, limit int) error {
	if err := checkName(what, name); err != nil {
		return err
	}
	if len(name) > limit {
		return fmt.Errorf("%s %.80q has a name of %d bytes, at most %d are allowed", what, name, len(name), limit)
	}
	if _, twice := seen[name]; twice {
		return fmt.Errorf("%s %q is declared twice", what, name)
	}
	seen[name] = struct{}{}
	return nil
}

// aligned returns the entries to write and the alignment they state.
func (o Options) aligned() ([]KV, int64, error) {
	stated := -1
	for _, kv := range o.KV {
		if kv.Key != keyAlignment {
			continue
		}
		switch x := kv.Value.(type) {
		case uint32:
			stated = int(x)
		case Value:
			if n, ok := x.Uint(); ok && x.typ == U32 {
				stated = int(n)
			}
		}
		if stated < 0 {
			return nil, 0, fmt.Errorf("%s must be a uint32", keyAlignment)
		}
	}
	align, kvs := o.Alignment, o.KV
	switch {
	case align == 0 && stated >= 0:
		align = stated
	case align == 0:
		align = defaultAlign
	case stated >= 0 && stated != align:
		return nil, 0, fmt.Errorf("%s is %d, Options.Alignment %d", keyAlignment, stated, align)
	case stated < 0 && align != defaultAlign:
		kvs = append(append([]KV(nil), kvs...), KV{keyAlignment, uint32(align)})
	}
	if align <= 0 || align&(align-1) != 0 || align > MaxAlignment {
		return nil, 0, fmt.Errorf("alignment is %d, want a power of two up to %d", align, MaxAlignment)
	}
	return kvs, int64(align), nil
}
