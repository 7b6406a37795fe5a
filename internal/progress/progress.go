// Package progress shows how far a long job is: one line on a terminal, with
// rate and remaining time, redrawn a few times a second; nothing elsewhere.
package progress

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/term"
)

// Bar is one job. A nil *Bar is silent.
type Bar struct {
	mu    sync.Mutex
	w     io.Writer
	what  string
	unit  string // "B" counts bytes, else things
	start time.Time
	drawn time.Time
	wide  int
}

// delay keeps jobs of less than a second from flashing by; every is the time
// between two drawings.
const (
	delay = 500 * time.Millisecond
	every = 200 * time.Millisecond
)

// New begins a job. unit is "B" for bytes or the name of what is counted. It
// returns nil when w is no terminal.
func New(w io.Writer, what, unit string) *Bar {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return nil
	}
	return &Bar{w: w, what: what, unit: unit, start: time.Now()}
}

// Label changes what stands in front of the line.
func (b *Bar) Label(what string) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.what = what
}

// Set shows done of total; a total of 0 is unknown.
func (b *Bar) Set(done, total int64) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	if now.Sub(b.start) < delay || now.Sub(b.drawn) < every && done != total {
		return
	}
	b.drawn = now
	b.draw(Line(b.what, b.unit, done, total, now.Sub(b.start)))
}

func (b *Bar) draw(line string) {
	pad := max(0, b.wide-len(line))
	b.wide = len(line)
	fmt.Fprintf(b.w, "\r%s%*s", line, pad, "")
}

// Done clears the line.
func (b *Bar) Done() {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.wide > 0 {
		fmt.Fprintf(b.w, "\r%*s\r", b.wide, "")
		b.wide = 0
	}
}

// Line is the text of a bar.
func Line(what, unit string, done, total int64, elapsed time.Duration) string {
	rate := float64(done) / max(elapsed.Seconds(), 1e-9)
	s := fmt.Sprintf("%s  %s", what, amount(done, unit))
	if total > 0 {
		s = fmt.Sprintf("%s  %3d %%  %s of %s", what, done*100/total, amount(done, unit), amount(total, unit))
	}
	s += fmt.Sprintf("  %s/s", amount(int64(rate), unit))
	if total > done && rate > 0 {
		left := time.Duration(float64(total-done) / rate * float64(time.Second))
		s += fmt.Sprintf("  %s left", left.Round(time.Second))
	}
	return s
}

func amount(n int64, unit string) string {
	if unit != "B" {
		return fmt.Sprintf("%d %s", n, unit)
	}
	return Bytes(n)
}

// Bytes prints a size: "1.24 GB", decimal units.
func Bytes(n int64) string {
	v, units := float64(n), []string{"B", "kB", "MB", "GB", "TB"}
	i := 0
	for ; v >= 1000 && i < len(units)-1; i++ {
		v /= 1000
	}
	if i == 0 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.3g %s", v, units[i])
}
