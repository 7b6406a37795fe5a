package tokenizer

import (
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// cpuTimed runs f with the benchmark's loop on one thread and reports the
// processor time of that thread: on a machine that others use too, the wall
// clock measures them.
func cpuTimed(b *testing.B, bytes int, f func()) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var from, to unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &from); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(bytes))
	for b.Loop() {
		f()
	}
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &to); err != nil {
		b.Fatal(err)
	}
	spent := time.Duration(to.Nano()-from.Nano()) / time.Duration(b.N)
	b.ReportMetric(float64(bytes)/1e6/spent.Seconds(), "cpu-MB/s")
	b.ReportMetric(float64(spent.Microseconds())/1000, "cpu-ms/op")
}
