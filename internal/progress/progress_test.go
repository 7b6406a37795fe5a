package progress

import (
	"bytes"
	"testing"
	"time"
)

func TestLine(t *testing.T) {
	for _, c := range []struct {
		unit        string
		done, total int64
		took        time.Duration
		want        string
	}{
		{"B", 500, 1000, time.Second, "job   50 %  500 B of 1 kB  500 B/s  1s left"},
		{"B", 0, 1000, 0, "job    0 %  0 B of 1 kB  0 B/s"},
		{"B", 2_500_000_000, 2_500_000_000, 5 * time.Second, "job  100 %  2.5 GB of 2.5 GB  500 MB/s"},
		{"tokens", 10, 0, 2 * time.Second, "job  10 tokens  5 tokens/s"},
		{"tokens", 1, 400, time.Second, "job    0 %  1 tokens of 400 tokens  1 tokens/s  6m39s left"},
	} {
		if got := Line("job", c.unit, c.done, c.total, c.took); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

func TestBytes(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 999: "999 B", 1000: "1 kB", 1234567: "1.23 MB", 2_475_548_960: "2.48 GB", 5e15: "5e+03 TB"} {
		if got := Bytes(n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}

// TestSilent: what is no terminal gets no bar, and a nil one is silent.
func TestSilent(t *testing.T) {
	var b bytes.Buffer
	bar := New(&b, "job", "B")
	if bar != nil {
		t.Fatal("a bar on a buffer")
	}
	bar.Set(1, 2)
	bar.Done()
	if b.Len() != 0 {
		t.Errorf("%q", b.String())
	}
}

// TestDrawing: nothing in the first half second, then at most five drawings a
// second, and a clean line at the end.
func TestDrawing(t *testing.T) {
	var b bytes.Buffer
	later := time.Now().Add(time.Hour) // however slow this test is, it is not there yet
	bar := &Bar{w: &b, what: "job", unit: "B", start: later}
	bar.Set(1, 100)
	if b.Len() != 0 {
		t.Errorf("drawn at once: %q", b.String())
	}
	bar.start = time.Now().Add(-time.Second)
	bar.Set(50, 100)
	once := b.Len()
	bar.drawn = later
	bar.Set(51, 100)
	if once == 0 || b.Len() != once {
		t.Errorf("%d bytes, then %d", once, b.Len())
	}
	bar.Done()
	if s := b.String(); s[len(s)-1] != '\r' {
		t.Errorf("the line is not cleared: %q", s)
	}
}
