//go:build !linux

package kernel

import "time"

var start = time.Now()

func cpuSeconds() float64 { return time.Since(start).Seconds() }
