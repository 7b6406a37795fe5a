package main

import (
	"fmt"
	"io"
	"os"
	"strings"
)

// screen writes what people read. Names in it are the texts of strangers.
type screen struct{ w io.Writer }

func (s screen) Write(p []byte) (int, error) {
	if _, err := io.WriteString(s.w, harmless(strings.ToValidUTF8(string(p), "\uFFFD"))); err != nil {
		return 0, err
	}
	return len(p), nil
}

// say prints to standard output. A string among args stays on its line.
func say(format string, args ...any) {
	for i, a := range args {
		if s, ok := a.(string); ok {
			args[i] = oneLine(s)
		}
	}
	fmt.Fprintf(screen{os.Stdout}, format, args...)
}

// oneLine keeps a name from beginning a line of its own.
func oneLine(s string) string {
	return strings.ReplaceAll(s, "\n", "\u240A") // the control picture, as harmless does
}

// warn prints what was left out of a checkpoint.
func warn(path string, warnings []string) {
	for _, w := range warnings {
		fmt.Fprintf(screen{os.Stderr}, "warning: %s: %s\n", path, w)
	}
}

// reportTo is where a report of bench goes: tables are for people.
func reportTo(format string) io.Writer {
	if format == "json" || format == "csv" {
		return os.Stdout
	}
	return screen{os.Stdout}
}
