package gguf

import (
	"encoding/binary"
	"fmt"
)

// cursor reads a header from a mapped file through a growing private copy, so
// that a file changed meanwhile cannot invalidate a check made before. What
// was read is addressed by span until the copy is complete.
type cursor struct {
	src []byte // the mapped file
	buf []byte // private copy of src[:len(buf)]
	pos int
}

// span is a range of the header.
type span struct{ off, len int }

const firstWindow = 64 << 10

// need makes n bytes at pos available in buf.
func (c *cursor) need(n uint64) error {
	left := uint64(len(c.src) - c.pos)
	if n > left {
		return fmt.Errorf("truncated: %d bytes needed at offset %d, %d left in the file", n, c.pos, left)
	}
	end := c.pos + int(n)
	if end <= len(c.buf) {
		return nil
	}
	if end > MaxHeader {
		return fmt.Errorf("header longer than %d bytes", MaxHeader)
	}
	size := min(max(2*len(c.buf), end, firstWindow), len(c.src))
	grown := make([]byte, size)
	copy(grown[copy(grown, c.buf):], c.src[len(c.buf):size])
	c.buf = grown
	return nil
}

// take consumes n bytes.
func (c *cursor) take(n uint64) (span, error) {
	if err := c.need(n); err != nil {
		return span{}, err
	}
	s := span{c.pos, int(n)}
	c.pos += int(n)
	return s, nil
}

func (c *cursor) u32() (uint32, error) {
	s, err := c.take(4)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint32(c.buf[s.off:]), nil
}

func (c *cursor) u64() (uint64, error) {
	s, err := c.take(8)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint64(c.buf[s.off:]), nil
}

// str consumes a length and that many bytes, at most limit.
func (c *cursor) str(what string, limit uint64) (span, error) {
	n, err := c.u64()
	if err != nil {
		return span{}, err
	}
	if n > limit {
		return span{}, fmt.Errorf("%s of %d bytes, at most %d are allowed", what, n, limit)
	}
	return c.take(n)
}
