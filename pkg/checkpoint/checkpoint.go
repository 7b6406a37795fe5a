package checkpoint

import (
	"fmt"

	"github.com/tessera-llm/tessera/internal/mmap"
	"github.com/tessera-llm/tessera/pkg/gguf"
	"github.com/tessera-llm/tessera/pkg/safetensors"
	"github.com/tessera-llm/tessera/pkg/tensor"
)

// Kind is the form of a checkpoint.
type Kind int

// The kinds. HF has config.json and safetensors, GGUF holds everything itself.
const (
	HF Kind = iota + 1
	GGUF
)

// String is "hf" or "gguf".
func (k Kind) String() string {
	switch k {
	case HF:
		return "hf"
	case GGUF:
		return "gguf"
	}
	return fmt.Sprintf("Kind(%d)", int(k))
}

// Checkpoint is an open checkpoint. Its bytes must not be changed.
type Checkpoint struct {
	path  string
	dir   string // where the files beside the weights lie; "" for GGUF
	kind  Kind
	gguf  *gguf.File
	st    *safetensors.File
	index string // path of the safetensors index, "" when there is none

	config     []byte
	generation []byte
	arch       string
	modelType  string
}

// File is one file that contributes to a checkpoint. Role names it without its
// path: "config.json", "weights-00000".
type File struct {
	Role string
	Path string
	Size int64
}

// Path is what was given to Open.
func (c *Checkpoint) Path() string { return c.path }

// Kind is the form of the checkpoint.
func (c *Checkpoint) Kind() Kind { return c.kind }

// Source gives the tensors.
func (c *Checkpoint) Source() tensor.Source {
	if c.gguf != nil {
		return c.gguf
	}
	return c.st
}

// GGUF is the open GGUF file; nil for HF.
func (c *Checkpoint) GGUF() *gguf.File { return c.gguf }

// Ignored lists tensors that the files hold but the model does not have: those
// that no index maps to their shard.
func (c *Checkpoint) Ignored() []tensor.Info {
	if c.st == nil {
		return nil
	}
	return c.st.Unmapped()
}

// ConfigJSON is the text of config.json; nil for GGUF.
func (c *Checkpoint) ConfigJSON() []byte { return c.config }

// GenerationConfig is the text of generation_config.json; nil when absent.
func (c *Checkpoint) GenerationConfig() []byte { return c.generation }

// Arch is the architecture as the checkpoint spells it: the first entry of
// "architectures" in config.json ("" when there is none), or
// general.architecture.
func (c *Checkpoint) Arch() string { return c.arch }

// ModelType is "model_type" of config.json, "" when absent;
// general.architecture for GGUF.
func (c *Checkpoint) ModelType() string { return c.modelType }

// Advise hints how the data of the named tensor will be read next.
func (c *Checkpoint) Advise(name string, a mmap.Advice) {
	if c.gguf != nil {
		c.gguf.Advise(name, a)
	} else {
		c.st.Advise(name, a)
	}
}

// Unchanged fails when a weight file was modified since Open. Long jobs call it
// at their end.
func (c *Checkpoint) Unchanged() error {
	if c.gguf != nil {
		return c.gguf.Unchanged()
	}
	return c.st.Unchanged()
}

// Close unmaps the weights; tensor data must not be touched afterwards.
func (c *Checkpoint) Close() error { return c.Source().Close() }
