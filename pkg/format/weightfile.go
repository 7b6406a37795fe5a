package format

import (
	"crypto/sha256"
	"hash"
	"os"

	"github.com/tessera-llm/tessera/internal/mmap"
)

// weightFile is a weight file being written, in whole blocks of 2 MiB at
// multiples of 2 MiB: Linux then keeps it in its page cache in pages of that
// size (ext4, xfs), maps it with them, and whoever runs it next has neither small page
// faults nor small page tables. The digest is computed beside the write of the
// same bytes; the system is told early to bring them to the disk, so that little is
// left for the final sync.
type weightFile struct {
	name    string
	f       *os.File
	buf     []byte // not written yet, less than a block
	sum     hash.Hash
	off     int64 // bytes given to Write
	written int64 // bytes in f
	started int64 // bytes on their way to the disk
}

const (
	blockBytes     = 2 << 20 // written at a time, at a multiple of it
	writebackBytes = 16 << 20
)

func newWeightFile(name string, f *os.File) *weightFile {
	return &weightFile{name: name, f: f, buf: make([]byte, 0, blockBytes), sum: sha256.New()}
}

// Write appends p. It does not keep p, which may be a view of a mapped file.
func (c *weightFile) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		piece := p[:min(len(p), blockBytes-len(c.buf))]
		var err error
		if whole := len(p) / blockBytes * blockBytes; len(c.buf) == 0 && whole > 0 {
			piece = p[:whole]
			err = c.emit(piece)
		} else if c.buf = append(c.buf, piece...); len(c.buf) == blockBytes {
			err = c.flush()
		}
		if err != nil {
			return 0, err
		}
		c.off += int64(len(piece))
		p = p[len(piece):]
	}
	return n, nil
}

// flush writes what was gathered.
func (c *weightFile) flush() error {
	err := c.emit(c.buf)
	c.buf = c.buf[:0]
	return err
}

// emit writes p and adds it to the digest, both at the same time.
func (c *weightFile) emit(p []byte) error {
	if len(p) == 0 {
		return nil
	}
	hashed := make(chan error, 1)
	go func() {
		// Guard covers one goroutine: this one needs its own.
		hashed <- mmap.Guard(func() error { c.sum.Write(p); return nil })
	}()
	n, err := c.f.Write(p)
	c.written += int64(n)
	if herr := <-hashed; err == nil {
		err = herr
	}
	if err == nil && c.written-c.started >= writebackBytes {
		startWriteback(c.f, c.started, c.written-c.started)
		c.started = c.written
	}
	return err
}

func (c *weightFile) pad(align int64) error {
	var zero [4096]byte
	for rest := (align - c.off%align) % align; rest > 0; {
		n := min(rest, int64(len(zero)))
		if _, err := c.Write(zero[:n]); err != nil {
			return err
		}
		rest -= n
	}
	return nil
}
