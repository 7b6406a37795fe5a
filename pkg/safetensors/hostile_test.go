package safetensors

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/tessera-llm/tessera/internal/hostile"
)

// TestHostile opens every malformed file and index that this layer must refuse.
func TestHostile(t *testing.T) {
	ran := 0
	for _, c := range hostile.Cases() {
		open, name := Open, "model.safetensors"
		if c.Format == hostile.Index {
			open, name = OpenIndex, IndexName
		}
		if c.Format != hostile.Safetensors && c.Format != hostile.Index || c.Layer != hostile.Container {
			continue
		}
		ran++
		dir, err := c.Write(t.TempDir())
		if err != nil {
			t.Fatalf("%s: %v", c.Name, err)
		}
		err, broken := hostile.Try(func() error {
			f, err := open(filepath.Join(dir, name))
			if err == nil {
				f.Close()
			}
			return err
		})
		if broken != nil {
			t.Errorf("%s: %v", c.Name, broken)
		}
		if err == nil || !strings.Contains(err.Error(), c.Want) || !strings.Contains(err.Error(), ".safetensors") {
			t.Errorf("%s: got %v, want %q and the name of the file", c.Name, err, c.Want)
		}
	}
	if ran < 70 {
		t.Errorf("only %d cases", ran)
	}
}
