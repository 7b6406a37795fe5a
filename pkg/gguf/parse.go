package gguf

import (
	"fmt"
	"unicode/utf8"
	"unsafe"

	"github.com/tessera-llm/tessera/internal/folder"
	"github.com/tessera-llm/tessera/pkg/tensor"
)

// header is the parsed head of one file.
type header struct {
	version   uint32
	align     int64
	keys      []string
	values    []Value
	byKey     map[string]int
	infos     []tensor.Info // Off counts from the start of the file
	text      string        // the header itself, from magic to the last tensor info
	dataStart int64
}

type rawKV struct {
	key, val  span
	typ, elem ValueType
	n         int // elements of an array
}

type rawTensor struct {
	name span
	dims [MaxDims]uint64
	rank uint32
	id   uint32
	off  uint64
}

// parse reads the header of a mapped file. Errors do not name the file.
func parse(data []byte) (*header, error) {
	c := &cursor{src: data}
	h := &header{align: defaultAlign}
	nTensors, nKV, err := c.start(h)
	if err != nil {
		return nil, err
	}
	kvs := make([]rawKV, 0, min(nKV, 256))
	for i := range nKV {
		kv, err := c.kv()
		if err != nil {
			return nil, fmt.Errorf("metadata entry %d of %d: %w", i, nKV, err)
		}
		kvs = append(kvs, kv)
	}
	raws := make([]rawTensor, 0, min(nTensors, 256))
	for i := range nTensors {
		r, err := c.tensor()
		if err != nil {
			return nil, fmt.Errorf("tensor %d of %d: %w", i, nTensors, err)
		}
		raws = append(raws, r)
	}
	// The copy is complete and never written again: strings may share it.
	h.text = unsafe.String(unsafe.SliceData(c.buf), c.pos)
	if err := h.setKeys(kvs); err != nil {
		return nil, err
	}
	if err := h.setTensors(raws, int64(len(data))); err != nil {
		return nil, err
	}
	return h, nil
}

// start reads magic, version and counts, and bounds the counts by the file.
func (c *cursor) start(h *header) (nTensors, nKV uint64, err error) {
	magic, err := c.take(4)
	if err != nil {
		return 0, 0, fmt.Errorf("not a GGUF file: %w", err)
	}
	switch m := string(c.buf[:4]); {
	case m == "GGUF":
	case folder.IsPointer(c.buf):
		return 0, 0, folder.ErrPointer
	case m == "lmgg" || m == "fmgg" || m == "tjgg" || m == "algg":
		return 0, 0, fmt.Errorf("magic %q is a GGML format from before GGUF; convert the model again", m)
	default:
		return 0, 0, fmt.Errorf("not a GGUF file: magic is %q, want \"GGUF\"", c.buf[magic.off:magic.len])
	}
	if h.version, err = c.u32(); err != nil {
		return 0, 0, err
	}
	switch v := h.version; {
	case v == 2 || v == 3:
	case v == 1:
		return 0, 0, fmt.Errorf("GGUF version 1 is not supported (want 2 or 3); convert the model again")
	case v != 0 && v&0xffff == 0:
		return 0, 0, fmt.Errorf("big-endian GGUF is not supported (version field 0x%08x)", v)
	default:
		return 0, 0, fmt.Errorf("GGUF version %d is not supported, want 2 or 3", v)
	}
	if nTensors, err = c.u64(); err != nil {
		return 0, 0, err
	}
	if nKV, err = c.u64(); err != nil {
		return 0, 0, err
	}
	left := uint64(len(c.src) - c.pos)
	if err := count("tensors", nTensors, MaxTensors, left/minTensorBytes); err != nil {
		return 0, 0, err
	}
	return nTensors, nKV, count("metadata entries", nKV, MaxKeys, left/minKVBytes)
}

func count(what string, n, limit, fit uint64) error {
	if n > limit {
		return fmt.Errorf("header announces %d %s, at most %d are allowed", n, what, limit)
	}
	if n > fit {
		return fmt.Errorf("header announces %d %s, the file has room for %d", n, what, fit)
	}
	return nil
}

// kv consumes one metadata entry.
func (c *cursor) kv() (kv rawKV, err error) {
	if kv.key, err = c.str("key", MaxKeyName); err != nil {
		return kv, err
	}
	name := c.buf[kv.key.off:][:kv.key.len]
	if err := checkName("key", string(name)); err != nil {
		return kv, err
	}
	fail := func(err error) (rawKV, error) { return kv, fmt.Errorf("key %q: %w", name, err) }
	if kv.typ, err = c.valueType(); err != nil {
		return fail(err)
	}
	switch kv.typ {
	case String:
		kv.val, err = c.str("string", MaxString)
	case Array:
		err = c.array(&kv)
	default:
		kv.val, err = c.take(uint64(valueTypes[kv.typ].size))
		if err == nil && kv.typ == Bool {
			err = c.bools(kv.val)
		}
	}
	if err != nil {
		return fail(err)
	}
	return kv, nil
}

func (c *cursor) valueType() (ValueType, error) {
	t, err := c.u32()
	if err == nil && !ValueType(t).valid() {
		err = fmt.Errorf("unknown value type %d", t)
	}
	return ValueType(t), err
}

// array consumes element type, count and elements.
func (c *cursor) array(kv *rawKV) (err error) {
	if kv.elem, err = c.valueType(); err != nil {
		return err
	}
	n, err := c.u64()
	if err != nil {
		return err
	}
	if kv.elem == Array {
		return fmt.Errorf("nested arrays are not supported")
	}
	size := uint64(valueTypes[kv.elem].size)
	if kv.elem == String {
		size = 8
	}
	if left := uint64(len(c.src) - c.pos); n > left/size {
		return fmt.Errorf("array of %d %s values, the file has room for %d", n, kv.elem, left/size)
	}
	kv.n = int(n)
	if kv.elem != String {
		if kv.val, err = c.take(n * size); err == nil && kv.elem == Bool {
			err = c.bools(kv.val)
		}
		return err
	}
	from := c.pos
	for i := range kv.n {
		if _, err := c.str("string", MaxString); err != nil {
			return fmt.Errorf("string %d of %d: %w", i, n, err)
		}
	}
	kv.val = span{from, c.pos - from}
	return nil
}

func (c *cursor) bools(s span) error {
	for i, b := range c.buf[s.off:][:s.len] {
		if b > 1 {
			return fmt.Errorf("bool %d has the value %d, want 0 or 1", i, b)
		}
	}
	return nil
}

// tensor consumes one tensor info.
func (c *cursor) tensor() (r rawTensor, err error) {
	if r.name, err = c.str("name", MaxTensorName); err != nil {
		return r, err
	}
	name := c.buf[r.name.off:][:r.name.len]
	if err := checkName("name", string(name)); err != nil {
		return r, err
	}
	fail := func(err error) (rawTensor, error) { return r, fmt.Errorf("%q: %w", name, err) }
	if r.rank, err = c.u32(); err != nil {
		return fail(err)
	}
	if r.rank > MaxDims {
		return fail(fmt.Errorf("%d dimensions, at most %d are allowed", r.rank, MaxDims))
	}
	for i := range r.rank {
		if r.dims[i], err = c.u64(); err != nil {
			return fail(err)
		}
	}
	if r.id, err = c.u32(); err != nil {
		return fail(err)
	}
	if r.off, err = c.u64(); err != nil {
		return fail(err)
	}
	return r, nil
}

func (h *header) at(s span) string { return h.text[s.off : s.off+s.len] }

func (h *header) setKeys(kvs []rawKV) error {
	h.byKey = make(map[string]int, len(kvs))
	h.keys = make([]string, len(kvs))
	h.values = make([]Value, len(kvs))
	for i, kv := range kvs {
		key := h.at(kv.key)
		if _, twice := h.byKey[key]; twice {
			return fmt.Errorf("duplicate key %q", key)
		}
		h.byKey[key] = i
		h.keys[i] = key
		h.values[i] = Value{typ: kv.typ, elem: kv.elem, n: kv.n, raw: h.at(kv.val)}
	}
	v, ok := h.value(keyAlignment)
	if !ok {
		return nil
	}
	if v.typ != U32 {
		return fmt.Errorf("%s is of type %s, want u32", keyAlignment, v.typ)
	}
	a, _ := v.Uint()
	if a == 0 || a&(a-1) != 0 || a > MaxAlignment {
		return fmt.Errorf("%s is %d, want a power of two up to %d", keyAlignment, a, MaxAlignment)
	}
	h.align = int64(a)
	return nil
}

func (h *header) value(key string) (Value, bool) {
	i, ok := h.byKey[key]
	if !ok {
		return Value{}, false
	}
	return h.values[i], true
}

func checkName(what, s string) error {
	if s == "" {
		return fmt.Errorf("empty %s", what)
	}
	if !utf8.ValidString(s) {
		return fmt.Errorf("%s %q is not valid UTF-8", what, s)
	}
	return nil
}
