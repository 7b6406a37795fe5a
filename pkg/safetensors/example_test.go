package safetensors_test

import (
	"fmt"
	"log"
	"os"

	"github.com/tessera-llm/tessera/pkg/safetensors"
)

func ExampleOpen() {
	f, err := safetensors.Open("testdata/all.safetensors")
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	t, err := f.Tensor("t.float8_e4m3fn")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(t.Type, t.Shape, t.Bytes, f.Metadata())
	// Output: f8_e4m3 [3, 8] 24 [{format pt}]
}

// ReadHeader needs the first bytes only, from any stream.
func ExampleReadHeader() {
	r, err := os.Open("testdata/nometa.safetensors")
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	h, err := safetensors.ReadHeader(r)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(h.FileSize, h.Tensors[0].Name, h.Tensors[0].Type)
	// Output: 68 a f32
}
