//go:build !linux

package tokenizer

import "testing"

func cpuTimed(b *testing.B, bytes int, f func()) {
	b.SetBytes(int64(bytes))
	for b.Loop() {
		f()
	}
}
