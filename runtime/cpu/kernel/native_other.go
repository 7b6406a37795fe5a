//go:build !amd64 && !arm64

package kernel

import "github.com/tessera-llm/tessera/pkg/tensor"

// native is empty: no tier but the generic one.
type native struct{}

var natives map[tensor.Type]*native

func lookupBytes(dst, src *byte, n, dstStep, srcStep int, codes *[16]byte) {
	panic("kernel: no tier reads bytes")
}
