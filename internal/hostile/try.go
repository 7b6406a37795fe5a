package hostile

import (
	"fmt"
	"runtime"
	"time"
)

// Limits that every refusal keeps, whatever the file.
const (
	MaxAlloc = 4 << 20 // bytes allocated in total
	MaxTime  = 5 * time.Second
)

// Try runs f, which must not run anything beside it, and reports its error. A
// panic, more than MaxAlloc bytes allocated, and more than MaxTime are reported
// by the second result.
func Try(f func() error) (err, broken error) {
	var before, after runtime.MemStats
	done := make(chan struct{})
	runtime.ReadMemStats(&before)
	go func() {
		defer close(done)
		defer func() {
			if r := recover(); r != nil {
				broken = fmt.Errorf("panic: %v", r)
			}
		}()
		err = f()
	}()
	select {
	case <-done:
	case <-time.After(MaxTime):
		return nil, fmt.Errorf("still running after %v", MaxTime)
	}
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; broken == nil && n > MaxAlloc {
		broken = fmt.Errorf("%d bytes allocated, at most %d are allowed", n, MaxAlloc)
	}
	return err, broken
}
