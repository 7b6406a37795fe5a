//go:build fakerows

package main

import (
	"github.com/tessera-llm/tessera/pkg/verify"
	"github.com/tessera-llm/tessera/runtime/cpu"
)

func init() {
	backends = append(backends, namedBackend{cpu.RowsBackend{}, " (a target of the tests)", verify.Bits})
}
