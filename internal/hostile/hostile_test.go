package hostile

import (
	"errors"
	"os"
	"testing"
)

func TestTable(t *testing.T) {
	count := map[Format]int{}
	layers := map[Layer]int{}
	for _, c := range Cases() {
		count[c.Format]++
		layers[c.Layer]++
		if c.Want == "" || (c.Damage != nil) != (c.Layer == Mapped) {
			t.Errorf("%s: incomplete", c.Name)
		}
		path, err := c.Write(t.TempDir())
		if err != nil {
			t.Errorf("%s: %v", c.Name, err)
			continue
		}
		if _, err := os.Stat(path); err != nil {
			t.Errorf("%s: %v", c.Name, err)
		}
	}
	t.Logf("%v %v", count, layers)
	if n := count[GGUF]; n < 70 {
		t.Errorf("%d GGUF cases", n)
	}
	if n := count[Safetensors] + count[Index] + count[Folder]; n < 70 {
		t.Errorf("%d safetensors, index and folder cases", n)
	}
}

func TestTry(t *testing.T) {
	want := errors.New("refused")
	if err, broken := Try(func() error { return want }); err != want || broken != nil {
		t.Error(err, broken)
	}
	if _, broken := Try(func() error { panic("x") }); broken == nil {
		t.Error("panic missed")
	}
	if _, broken := Try(func() error { sink = make([]byte, MaxAlloc+1); return nil }); broken == nil {
		t.Error("allocation missed")
	}
}

var sink []byte
