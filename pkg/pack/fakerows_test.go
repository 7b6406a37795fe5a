//go:build fakerows

package pack

import "github.com/tessera-llm/tessera/pkg/tensor"

func init() {
	parts[tensor.FakeLUT] = at{nibbles: 64}
	zeroPoints[tensor.FakeLUT] = 8
	tables[tensor.FakeLUT] = [16]int{-120, -90, -66, -48, -34, -22, -12, -5, 0, 6, 14, 24, 36, 52, 78, 113}
}
