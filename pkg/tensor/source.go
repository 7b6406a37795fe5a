package tensor

import "fmt"

// Info describes one tensor of a container without touching its data.
type Info struct {
	Name  string
	Type  Type
	Shape Shape
	File  string // path of the file that holds the data
	Bytes int64  // size of the data
	Off   int64  // offset of the data in File
}

// Tensor is an Info with its bytes. Data is a read-only view, valid until the
// Source is closed; a file that was truncated after it was mapped faults when
// Data is read, so readers run under mmap.Guard (internal/mmap).
type Tensor struct {
	Info
	Data []byte
}

// Source is a container of named tensors.
type Source interface {
	// Metadata returns the container's string metadata in file order: GGUF
	// scalars as text, the __metadata__ of safetensors.
	Metadata() []KV
	// Tensors lists all tensors in file order.
	Tensors() []Info
	// Tensor returns the named tensor, or an error wrapping ErrNotFound.
	Tensor(name string) (Tensor, error)
	Close() error
}

// KV is one metadata entry.
type KV struct{ Key, Value string }

// ErrNotFound is wrapped by Source.Tensor for a name it does not hold.
var ErrNotFound = fmt.Errorf("no such tensor")
