package mmap

import "testing"

func TestOffset(t *testing.T) {
	all := make([]byte, 100)
	whole := all[10:90]
	for _, c := range []struct {
		part []byte
		at   int64
		ok   bool
	}{
		{all[10:90], 0, true}, {all[42:50], 32, true}, {all[89:90], 79, true}, {all[9:12], 0, false}, {all[89:91], 0, false},
		{all[0:100], 0, false}, {all[20:20], 0, false}, {nil, 0, false}, {make([]byte, 8), 0, false},
	} {
		if at, ok := Offset(whole, c.part); at != c.at || ok != c.ok {
			t.Errorf("a part of %d bytes: %d, %v, want %d, %v", len(c.part), at, ok, c.at, c.ok)
		}
	}
	if _, ok := Offset(nil, all); ok {
		t.Error("a part of an empty mapping")
	}
}
