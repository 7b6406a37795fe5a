package pack

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/tessera-llm/tessera/internal/mmap"
	"github.com/tessera-llm/tessera/pkg/tensor"
)

// TestTruncatedSource packs from a mapped file that was cut: an error, also
// from inside vector code.
func TestTruncatedSource(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a mapped file cannot be truncated there")
	}
	for _, ty := range []tensor.Type{tensor.F32, tensor.F16, tensor.BF16, tensor.Q8_0} {
		k := int64(1 << 14)
		row, _ := ty.RowBytes(k)
		path := filepath.Join(t.TempDir(), "rows")
		if err := os.WriteFile(path, make([]byte, 16*row), 0o644); err != nil {
			t.Fatal(err)
		}
		m, err := mmap.Map(path)
		if err != nil {
			t.Fatal(err)
		}
		size, _ := P16.Size(ty, []int64{16}, k)
		dst := make([]byte, size)
		pack := func() error { return P16.Pack(dst, m.Data, ty, 16, k) }
		if err := mmap.Guard(pack); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(path, 8*row); err != nil {
			t.Fatal(err)
		}
		var fault *mmap.FaultError
		if err := mmap.Guard(pack); !errors.As(err, &fault) {
			t.Errorf("%s: packing a truncated file: got error %v", ty, err)
		}
		m.Close()
	}
}
