// Package crash turns a panic into an error that says what was under way and
// where the panic arose. It stands at the borders where one fault must not end
// the process: a pass of the pipeline, a task of a run.
package crash

import (
	"fmt"
	"runtime"
	"strings"
)

// Catch, deferred, puts a panic into *err, behind what the function was doing:
// "pass fuse-rope, graph llama: panic at ropesDiffer (fuse_rope.go:88): ...".
// doing is called only then.
func Catch(err *error, doing func() string) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("%s: panic%s: %v", doing(), place(), r)
	}
}

// place is " at function (file:line)" of the innermost frame that is not of the
// Go runtime, "" when there is none.
func place() string {
	pc := make([]uintptr, 32)
	frames := runtime.CallersFrames(pc[:runtime.Callers(3, pc)]) // behind Callers, place and Catch
	for {
		f, more := frames.Next()
		if f.Function != "" && !strings.HasPrefix(f.Function, "runtime.") {
			name := f.Function[strings.LastIndexByte(f.Function, '/')+1:]
			return fmt.Sprintf(" at %s (%s:%d)", name, f.File[strings.LastIndexByte(f.File, '/')+1:], f.Line)
		}
		if !more {
			return ""
		}
	}
}
