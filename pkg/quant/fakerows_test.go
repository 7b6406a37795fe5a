//go:build fakerows

package quant

import "github.com/tessera-llm/tessera/pkg/tensor"

func init() { steps[tensor.FakeLUT] = 30.0 / 113 }
