package checkpoint_test

import (
	"fmt"
	"log"

	"github.com/tessera-llm/tessera/pkg/checkpoint"
)

func ExampleOpen() {
	c, err := checkpoint.Open("../gguf/testdata/split-00001-of-00002.gguf")
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	files, err := c.Files()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(c.Kind(), c.Arch(), len(c.Source().Tensors()), "tensors")
	for _, f := range files {
		fmt.Println(f.Role, f.Size)
	}
	// Output:
	// gguf llama 36 tensors
	// weights-00000 8000
	// weights-00001 3104
}
