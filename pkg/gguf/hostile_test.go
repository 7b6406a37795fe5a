package gguf

import (
	"strings"
	"testing"

	"github.com/tessera-llm/tessera/internal/hostile"
)

// TestHostile opens every malformed GGUF file that this layer must refuse.
func TestHostile(t *testing.T) {
	ran := 0
	for _, c := range hostile.Cases() {
		if c.Format != hostile.GGUF || c.Layer != hostile.Container {
			continue
		}
		ran++
		path, err := c.Write(t.TempDir())
		if err != nil {
			t.Fatalf("%s: %v", c.Name, err)
		}
		err, broken := hostile.Try(func() error {
			f, err := Open(path)
			if err == nil {
				f.Close()
			}
			return err
		})
		if broken != nil {
			t.Errorf("%s: %v", c.Name, broken)
		}
		if err == nil || !strings.Contains(err.Error(), c.Want) || !strings.Contains(err.Error(), ".gguf") {
			t.Errorf("%s: got %v, want %q and the name of the file", c.Name, err, c.Want)
		}
	}
	if ran < 70 {
		t.Errorf("only %d cases", ran)
	}
}
