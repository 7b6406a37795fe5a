package npy

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// file is a .npy file of the given version, header text and data.
func file(version byte, text string, data ...byte) []byte {
	n := len(text)
	head := []byte{byte(n), byte(n >> 8)}
	if version > 1 {
		head = append(head, byte(n>>16), byte(n>>24))
	}
	return append([]byte(magic+string([]byte{version, 0})+string(head)+text), data...)
}

func dict(descr, order, shape string) string {
	return "{'descr': '" + descr + "', 'fortran_order': " + order + ", 'shape': " + shape + ", }"
}

func TestRead(t *testing.T) {
	for _, c := range []struct {
		name string
		data []byte
		want Array
	}{
		{"f4", file(1, dict("<f4", "False", "(2,)"), 0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0), Array{Shape: []int{2}, F32: []float32{1, -2}}},
		{"i4", file(1, dict("<i4", "False", "(1, 2)"), 1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff), Array{Shape: []int{1, 2}, I32: []int32{1, -1}}},
		{"i8", file(1, dict("<i8", "False", "(2,)"), 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x80, 0xff, 0xff, 0xff, 0xff), Array{Shape: []int{2}, I32: []int32{7, math.MinInt32}}},
		{"version 2", file(2, dict("<f4", "False", "(1,)")+"   \n", 0, 0, 0, 0), Array{Shape: []int{1}, F32: []float32{0}}},
		{"scalar", file(1, dict("<i4", "False", "()"), 3, 0, 0, 0), Array{Shape: []int{}, I32: []int32{3}}},
		{"empty", file(1, dict("<i4", "False", "(0,)")), Array{Shape: []int{0}, I32: []int32{}}},
		{"no elements", file(1, dict("<f4", "False", "(0, 7)")), Array{Shape: []int{0, 7}, F32: []float32{}}},
		{"a vector in Fortran order", file(1, dict("<i4", "True", "(1,)"), 3, 0, 0, 0), Array{Shape: []int{1}, I32: []int32{3}}},
		{"other quotes, no last comma", file(1, `{"shape":(1),"descr":"<i4","fortran_order":False}`, 3, 0, 0, 0), Array{Shape: []int{1}, I32: []int32{3}}},
	} {
		a, err := Read(bytes.NewReader(c.data), int64(len(c.data)))
		if err != nil || !reflect.DeepEqual(*a, c.want) {
			t.Errorf("%s: %+v, %v, want %+v", c.name, a, err, c.want)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	ok := file(1, dict("<f4", "False", "(2,)"), 0, 0, 0, 0, 0, 0, 0, 0)
	for _, c := range []struct {
		name, want string
		data       []byte
	}{
		{"nothing", "no .npy file", nil},
		{"magic", "starts with", []byte("GGUF000000000000")},
		{"version 3", "version 3.0", file(3, dict("<f4", "False", "()"), 0, 0, 0, 0)},
		{"header beyond the file", "header of", ok[:20]},
		{"huge header", "header of", append([]byte(magic+"\x02\x00"), 0xff, 0xff, 0xff, 0xff, 0, 0)},
		{"data short", "needs 2 elements", ok[:len(ok)-1]},
		{"data long", "needs 2 elements", append(bytes.Clone(ok), 0)},
		{"float64", "astype", file(1, dict("<f8", "False", "(1,)"), 0, 0, 0, 0, 0, 0, 0, 0)},
		{"big-endian", "astype", file(1, dict(">f4", "False", "(1,)"), 0, 0, 0, 0)},
		{"object", "astype", file(1, dict("|O", "False", "(1,)"), 0, 0, 0, 0)},
		{"Fortran", "ascontiguousarray", file(1, dict("<f4", "True", "(1, 1)"), 0, 0, 0, 0)},
		{"int64 range", "outside the range", file(1, dict("<i8", "False", "(1,)"), 0, 0, 0, 0, 1, 0, 0, 0)},
		{"overflow", "overflows", file(1, dict("<f4", "False", "(4294967296, 4294967296)"))},
		{"a lot claimed", "needs", file(1, dict("<f4", "False", "(1099511627776,)"))},
		{"negative", "dimension", file(1, dict("<f4", "False", "(-1,)"))},
		{"rank", "dimensions", file(1, dict("<f4", "False", "(1,1,1,1,1,1,1,1,1)"), 0, 0, 0, 0)},
		{"duplicate key", "twice", file(1, "{'descr': '<f4', 'descr': '<f4', 'shape': ()}")},
		{"missing key", "2 keys", file(1, "{'descr': '<f4', 'shape': ()}")},
		{"unknown key", "unknown key", file(1, "{'descr': '<f4', 'x': 1}")},
		{"no dictionary", "no dictionary", file(1, "[1]")},
		{"structured", "want a string", file(1, "{'descr': [('a', '<f4')]}")},
		{"text behind", "behind its end", file(1, dict("<f4", "False", "()")+"x", 0, 0, 0, 0)},
		{"no comma", "no comma", file(1, "{'descr': '<f4' 'shape': ()}")},
		{"truth", "True or False", file(1, dict("<f4", "0", "()"))},
		{"escape", "escape", file(1, `{'descr': '\x3cf4'}`)},
		{"endless string", "without end", file(1, `{'descr': '<f4`)},
		{"endless tuple", "dimension", file(1, `{'shape': (1,`)},
	} {
		a, err := Read(bytes.NewReader(c.data), int64(len(c.data)))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %+v, %v, want an error with %q", c.name, a, err, c.want)
		}
	}
}

// TestWrite compares with bytes that numpy.save has written.
func TestWrite(t *testing.T) {
	for _, c := range []struct {
		shape []int
		text  string
	}{
		{[]int{}, "()"}, {[]int{3}, "(3,)"}, {[]int{3, 4}, "(3, 4)"}, {[]int{0, 151936}, "(0, 151936)"},
	} {
		var b bytes.Buffer
		w, err := NewWriter(&b, F4, c.shape...)
		if err != nil {
			t.Fatal(err)
		}
		n, _ := elements(c.shape)
		if err := w.Float32s(make([]float32, n)); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		want := "\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'fortran_order': False, 'shape': " + c.text + ", }"
		want += strings.Repeat(" ", 127-len(want)) + "\n"
		if got := b.String(); got != want+strings.Repeat("\x00", 4*n) {
			t.Errorf("shape %v: %q, want %q", c.shape, got, want)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.npy")
	long := &Array{Shape: []int{300, 99}, F32: make([]float32, 29700)}
	for i := range long.F32 {
		long.F32[i] = float32(i) / 7
	}
	for _, a := range []*Array{
		long,
		{Shape: []int{2, 1, 2}, F32: []float32{1, float32(math.Inf(-1)), math.SmallestNonzeroFloat32, math.MaxFloat32}},
		{Shape: []int{3}, I32: []int32{math.MinInt32, 0, math.MaxInt32}},
	} {
		if err := WriteFile(path, a); err != nil {
			t.Fatal(err)
		}
		b, err := ReadFile(path)
		if err != nil || !reflect.DeepEqual(a, b) {
			t.Fatalf("%v behind a round trip: %v", a.Shape, err)
		}
	}
	if err := WriteFile(path, &Array{Shape: []int{2}, I32: []int32{1}}); err == nil {
		t.Error("an incomplete array was written")
	}
	if a, err := ReadFile(path); err != nil || len(a.I32) != 3 {
		t.Errorf("a failed write changed the file: %+v, %v", a, err)
	}
	if _, err := ReadFile(dir); err == nil || !strings.Contains(err.Error(), "regular") {
		t.Errorf("a folder: %v", err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
	w, err := Create(path, F4, 2)
	if err != nil {
		t.Fatal(err)
	}
	if w.Int32s([]int32{1}) == nil || w.Float32s(make([]float32, 3)) == nil {
		t.Error("wrong elements accepted")
	}
	w.Abort()
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("left behind by Abort: %v", left)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(file(1, dict("<f4", "False", "(2,)"), 0, 0, 0, 0, 0, 0, 0, 0))
	f.Add(file(2, dict("<i8", "True", "(1, 1)"), 1, 2, 3, 4, 0, 0, 0, 0))
	f.Add(file(1, dict("<i4", "False", "()"), 1, 2, 3, 4))
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := Read(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return
		}
		if n, err := elements(a.Shape); err != nil || n != len(a.F32)+len(a.I32) || 4*n > len(data) {
			t.Fatalf("shape %v with %d elements from %d bytes: %v", a.Shape, len(a.F32)+len(a.I32), len(data), err)
		}
	})
}
