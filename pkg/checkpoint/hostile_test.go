package checkpoint

import (
	"errors"
	"strings"
	"testing"

	"github.com/tessera-llm/tessera/internal/hostile"
	"github.com/tessera-llm/tessera/internal/mmap"
)

// TestHostile opens every malformed checkpoint, as a user would. Cases of later
// layers must open; those of layer Mapped must fail when they are read.
func TestHostile(t *testing.T) {
	for _, c := range hostile.Cases() {
		path, err := c.Write(t.TempDir())
		if err != nil {
			t.Fatalf("%s: %v", c.Name, err)
		}
		err, broken := hostile.Try(func() error { return use(path, c) })
		if broken != nil {
			t.Errorf("%s: %v", c.Name, broken)
		}
		switch c.Layer {
		case hostile.Model, hostile.Weights:
			if err != nil {
				t.Errorf("%s: not the reader's to refuse: %v", c.Name, err)
			}
		default:
			if err == nil || !strings.Contains(err.Error(), c.Want) {
				t.Errorf("%s: got %v, want %q", c.Name, err, c.Want)
			}
		}
	}
}

// use opens a checkpoint, damages it where the case says so, and reads all of
// it.
func use(path string, c hostile.Case) error {
	k, err := Open(path)
	if err != nil {
		return err
	}
	defer k.Close()
	if _, err := k.Tokenizer(); err != nil {
		return err
	}
	if c.Damage != nil {
		if err := c.Damage(path); err != nil {
			return err
		}
		if k.Unchanged() == nil {
			return errors.New("Unchanged missed the damage")
		}
	}
	_, err = k.Fingerprint()
	sum := byte(0)
	return errors.Join(err, mmap.Guard(func() error {
		for _, i := range k.Source().Tensors() {
			x, err := k.Source().Tensor(i.Name)
			if err != nil {
				return err
			}
			for _, b := range x.Data {
				sum += b
			}
		}
		return nil
	}))
}

// TestSound: the models behind the cases open.
func TestSound(t *testing.T) {
	for _, f := range []hostile.Format{hostile.GGUF, hostile.Folder} {
		path, err := hostile.Sound(f, t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		if err := use(path, hostile.Case{}); err != nil {
			t.Errorf("%s: %v", f, err)
		}
	}
}
