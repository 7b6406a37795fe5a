package format

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"

	"github.com/tessera-llm/tessera/internal/folder"
	"github.com/tessera-llm/tessera/internal/mmap"
	"github.com/tessera-llm/tessera/pkg/pack"
	"github.com/tessera-llm/tessera/pkg/quant"
	"github.com/tessera-llm/tessera/pkg/tensor"
)

// Check reads every file, compares digests, and searches the weights for
// scales and values that are NaN or Inf. Open does neither, which would cost a
// read of all weights. progress, when set, is told the bytes read by the
// digests.
func (b *Bundle) Check(progress func(n int64)) error {
	if err := b.CheckDigests(progress); err != nil {
		return err
	}
	return b.CheckWeights()
}

// CheckDigests reads every file and compares its digest.
func (b *Bundle) CheckDigests(progress func(n int64)) error {
	buf := make([]byte, 256<<10)
	for _, f := range b.Manifest.Files {
		p, err := folder.Resolve(b.Path, f.Name)
		if err != nil {
			return fmt.Errorf("bundle %s: %w", b.Path, err)
		}
		sum, err := digest(p, buf, progress)
		if err != nil {
			return fmt.Errorf("bundle %s: %w", b.Path, err)
		}
		if sum != f.SHA256 {
			return fmt.Errorf("bundle %s: %s does not have the content it was written with (sha256 %s, want %s): convert again", b.Path, f.Name, sum, f.SHA256)
		}
	}
	return nil
}

// CheckWeights reports the first weight with a scale or a value that is NaN or
// Inf.
func (b *Bundle) CheckWeights() error {
	for i := range b.Manifest.Weights {
		w := &b.Manifest.Weights[i]
		err := mmap.Guard(func() error { return w.finite(b.maps[w.File].Data[w.Offset : w.Offset+w.Bytes]) })
		if err != nil {
			return fmt.Errorf("bundle %s: weight %q in %s: %w", b.Path, w.Name, w.File, err)
		}
	}
	return nil
}

// finite searches data, a unit of its form at a time where that is not rows.
func (w *WeightEntry) finite(data []byte) error {
	t, err := tensor.ParseType(w.Type)
	if err != nil || len(data) == 0 {
		return err
	}
	f, err := w.form()
	if err != nil {
		return err
	}
	if f == pack.Rows {
		return quant.CheckBlocks(t, data)
	}
	k := w.Shape[1]
	unit, err := f.UnitBytes(t, k)
	if err != nil {
		return err
	}
	row, err := t.RowBytes(k)
	if err != nil {
		return err
	}
	buf := make([]byte, f.Unit*row)
	first := int64(0)
	for _, n := range w.Rows {
		for at := int64(0); at < n; at += f.Unit {
			rows := min(f.Unit, n-at)
			if err := f.Unpack(buf[:rows*row], data[:unit], t, rows, k); err != nil {
				return err
			}
			if err := quant.CheckBlocks(t, buf[:rows*row]); err != nil {
				return fmt.Errorf("rows %d to %d: %w", first+at, first+at+rows-1, err)
			}
			data = data[unit:]
		}
		first += n
	}
	return nil
}

func digest(path string, buf []byte, progress func(n int64)) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	for {
		n, err := f.Read(buf)
		h.Write(buf[:n])
		if progress != nil && n > 0 {
			progress(int64(n))
		}
		if err == io.EOF {
			return hex.EncodeToString(h.Sum(nil)), nil
		}
		if err != nil {
			return "", err
		}
	}
}
