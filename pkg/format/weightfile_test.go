package format

import (
	"bytes"
	"crypto/sha256"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

// TestWeightFileOrder writes pieces on both sides of every limit: the file and
// the digest have them in order.
func TestWeightFileOrder(t *testing.T) {
	sizes := []int{0, 1, 63, 4096, 100 << 10, blockBytes - 1, blockBytes, blockBytes + 1, 3*blockBytes + 5}
	r := rand.New(rand.NewPCG(1, 2))
	path := filepath.Join(t.TempDir(), "w.bin")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	c := newWeightFile("w.bin", f)
	var want []byte
	for range 40 {
		p := make([]byte, sizes[r.IntN(len(sizes))])
		for i := range p {
			p[i] = byte(r.Uint32())
		}
		want = append(want, p...)
		if n, err := c.Write(p); n != len(p) || err != nil {
			t.Fatalf("wrote %d of %d bytes: %v", n, len(p), err)
		}
		clear(p) // Write must not keep p
		if c.off != int64(len(want)) || c.written%blockBytes != 0 || c.off-c.written >= blockBytes {
			t.Fatalf("offset %d, %d in the file after %d bytes", c.off, c.written, len(want))
		}
	}
	if err := c.flush(); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("the file differs from what was written")
	}
	if sum := sha256.Sum256(want); !bytes.Equal(c.sum.Sum(nil), sum[:]) {
		t.Error("the digest is not of what was written")
	}
}

// TestWeightFileFails: an error of the file reaches the writer.
func TestWeightFileFails(t *testing.T) {
	f, err := os.Open(os.DevNull) // not open for writing
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	c := newWeightFile("w.bin", f)
	if _, err := c.Write(make([]byte, blockBytes)); err == nil {
		t.Error("a direct write to a read-only file succeeded")
	}
	if _, err := c.Write([]byte{1}); err != nil {
		t.Errorf("a gathered write failed: %v", err)
	}
	if c.flush() == nil {
		t.Error("a flush to a read-only file succeeded")
	}
}
