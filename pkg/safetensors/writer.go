package safetensors

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"sort"
	"strconv"
	"unicode/utf8"

	"github.com/tessera-llm/tessera/pkg/tensor"
)

// Options declare a file: everything but the tensor data.
type Options struct {
	Metadata []tensor.KV
	Tensors  []tensor.Info // Name, Type and Shape count; data are written in this order
}

// Sort orders tensors as the reference writer lays them out: larger alignment
// first, then by name. Files written in this order have the bytes that the
// Python package writes.
func Sort(tensors []tensor.Info) {
	sort.SliceStable(tensors, func(i, j int) bool {
		a, b := &tensors[i], &tensors[j]
		if ra, rb := rank(a.Type), rank(b.Type); ra != rb {
			return ra > rb
		}
		return a.Name < b.Name
	})
}

// Writer streams one file.
type Writer struct {
	w       io.Writer
	tensors []tensor.Info // Bytes filled in
	next    int
	err     error // sticky
}

// NewWriter checks the declaration and writes the header. The caller writes the
// tensors in order and closes the Writer; w itself stays open.
func NewWriter(w io.Writer, o Options) (*Writer, error) {
	head, tensors, err := encodeHeader(o)
	if err != nil {
		return nil, fmt.Errorf("safetensors: %w", err)
	}
	if _, err := w.Write(head); err != nil {
		return nil, err
	}
	return &Writer{w: w, tensors: tensors}, nil
}

// Size is the size in bytes of the file that o declares.
func Size(o Options) (int64, error) {
	head, tensors, err := encodeHeader(o)
	if err != nil {
		return 0, fmt.Errorf("safetensors: %w", err)
	}
	n := int64(len(head))
	for _, t := range tensors {
		n += t.Bytes
	}
	return n, nil
}

// Write copies the data of the next declared tensor from r, which must hold
// exactly its bytes.
func (w *Writer) Write(name string, r io.Reader) error {
	if w.err != nil {
		return w.err
	}
	if w.next == len(w.tensors) {
		return w.fail(name, fmt.Errorf("all %d declared tensors are written", w.next))
	}
	t := w.tensors[w.next]
	if t.Name != name {
		return w.fail(name, fmt.Errorf("want %q, the next in declared order", t.Name))
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
	if err != nil {
		return w.fail(name, err)
	}
	w.next++
	return nil
}

// WriteBytes writes the data of the next declared tensor.
func (w *Writer) WriteBytes(name string, data []byte) error {
	return w.Write(name, bytes.NewReader(data))
}

// Close fails when declared tensors are missing.
func (w *Writer) Close() error {
	if w.err == nil && w.next < len(w.tensors) {
		return w.fail(w.tensors[w.next].Name, fmt.Errorf("not written: %d of %d tensors are", w.next, len(w.tensors)))
	}
	return w.err
}

func (w *Writer) fail(name string, err error) error {
	w.err = fmt.Errorf("safetensors: tensor %q: %w", name, err)
	return w.err
}

// encodeHeader returns length and header, padded to 8 bytes with spaces, and
// the tensors with their sizes. What it accepts, Open accepts.
func encodeHeader(o Options) ([]byte, []tensor.Info, error) {
	b := append(make([]byte, 8), '{')
	seen := map[string]struct{}{keyMetadata: {}}
	if len(o.Metadata) > 0 {
		b = append(appendQuoted(b, keyMetadata), ':', '{')
		keys := map[string]struct{}{}
		for i, kv := range o.Metadata {
			if err := declare(keys, "metadata key", kv.Key); err != nil {
				return nil, nil, err
			}
			if !utf8.ValidString(kv.Value) {
				return nil, nil, fmt.Errorf("metadata %q: value is not valid UTF-8", kv.Key)
			}
			if i > 0 {
				b = append(b, ',')
			}
			b = appendQuoted(append(appendQuoted(b, kv.Key), ':'), kv.Value)
		}
		b = append(b, '}')
	}
	tensors := append([]tensor.Info(nil), o.Tensors...)
	off := int64(0)
	for i := range tensors {
		t := &tensors[i]
		if err := declare(seen, "tensor", t.Name); err != nil {
			return nil, nil, err
		}
		if len(b) > 9 {
			b = append(b, ',')
		}
		var err error
		if b, off, err = appendEntry(b, t, off); err != nil {
			return nil, nil, fmt.Errorf("tensor %q: %w", t.Name, err)
		}
	}
	b = append(b, '}')
	for len(b)%8 != 0 {
		b = append(b, ' ')
	}
	if len(b)-8 > MaxHeader {
		return nil, nil, fmt.Errorf("header of %d bytes, at most %d are allowed", len(b)-8, MaxHeader)
	}
	binary.LittleEndian.PutUint64(b, uint64(len(b)-8))
	return b, tensors, nil
}

// appendEntry appends one tensor that starts at off and returns its end.
func appendEntry(b []byte, t *tensor.Info, off int64) ([]byte, int64, error) {
	name, ok := DType(t.Type)
	if !ok {
		return nil, 0, fmt.Errorf("safetensors has no type %s", t.Type)
	}
	var err error
	if t.Bytes, err = tensor.Bytes(t.Type, t.Shape); err != nil {
		return nil, 0, err
	}
	end := off + t.Bytes
	if end < 0 || end > 1<<62 {
		return nil, 0, fmt.Errorf("the file is too large")
	}
	b = append(appendQuoted(b, t.Name), `:{"dtype":"`...)
	b = append(append(b, name...), `","shape":[`...)
	for i, d := range t.Shape {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, d, 10)
	}
	b = strconv.AppendInt(append(b, `],"data_offsets":[`...), off, 10)
	b = strconv.AppendInt(append(b, ','), end, 10)
	return append(b, `]}`...), end, nil
}

// declare checks a name and that it is new.
func declare(seen map[string]struct{}, what, name string) error {
	if !utf8.ValidString(name) {
		return fmt.Errorf("%s %q is not valid UTF-8", what, name)
	}
	if _, twice := seen[name]; twice {
		return fmt.Errorf("%s %q is declared twice or reserved", what, name)
	}
	seen[name] = struct{}{}
	return nil
}

// appendQuoted appends a JSON string as the reference writer does: only
// quotes, backslashes and control characters are escaped.
func appendQuoted(b []byte, s string) []byte {
	b = append(b, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c == '\b':
			b = append(b, `\b`...)
		case c == '\f':
			b = append(b, `\f`...)
		case c == '\n':
			b = append(b, `\n`...)
		case c == '\r':
			b = append(b, `\r`...)
		case c == '\t':
			b = append(b, `\t`...)
		case c < 0x20:
			b = fmt.Appendf(b, `\u%04x`, c)
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}
