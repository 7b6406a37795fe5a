package gguf_test

import (
	"fmt"
	"log"
	"os"

	"github.com/tessera-llm/tessera/internal/mmap"
	"github.com/tessera-llm/tessera/pkg/gguf"
	"github.com/tessera-llm/tessera/pkg/tensor"
)

// Tensor data are views of the mapped file: read them under mmap.Guard.
func ExampleOpen() {
	f, err := gguf.Open("testdata/split-00001-of-00002.gguf")
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	arch, _ := f.String("general.architecture")
	fmt.Println(arch, len(f.Shards()), "shards")
	t, err := f.Tensor("t.vector")
	if err != nil {
		log.Fatal(err)
	}
	err = mmap.Guard(func() error {
		fmt.Println(t.Type, t.Shape, t.Data[4:8])
		return nil
	})
	if err != nil {
		log.Fatal(err)
	}
	// Output:
	// llama 2 shards
	// f32 [7] [0 0 128 63]
}

func ExampleNewWriter() {
	out, err := os.CreateTemp("", "*.gguf")
	if err != nil {
		log.Fatal(err)
	}
	defer os.Remove(out.Name())
	w, err := gguf.NewWriter(out, gguf.Options{
		KV:      []gguf.KV{{Key: "general.architecture", Value: "llama"}, {Key: "llama.block_count", Value: uint32(1)}},
		Tensors: []tensor.Info{{Name: "output_norm.weight", Type: tensor.F32, Shape: tensor.Shape{2}}},
	})
	if err != nil {
		log.Fatal(err)
	}
	if err := w.WriteBytes("output_norm.weight", []byte{0, 0, 128, 63, 0, 0, 0, 64}); err != nil {
		log.Fatal(err)
	}
	fmt.Println(w.Close(), out.Close())
	// Output: <nil> <nil>
}
