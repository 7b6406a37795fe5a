package statefile

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/tessera-llm/tessera/pkg/safetensors"
	"github.com/tessera-llm/tessera/pkg/tensor"
	"github.com/tessera-llm/tessera/runtime/backend"
)

var states = []backend.StateData{
	{Name: "kv.0", KV: "f16", Len: 3, Data: []byte{1, 2, 3}},
	{Name: "kv.1", KV: "f16", From: 2, Len: 3, Data: []byte{}},
}

func TestRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	if err := Write(path, "abc", states); err != nil {
		t.Fatal(err)
	}
	f, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if want := (&File{Bundle: "abc", KV: "f16", Len: 3, States: states}); !reflect.DeepEqual(f, want) {
		t.Errorf("%+v, want %+v", f, want)
	}
	first, _ := os.ReadFile(path)
	if err := Write(path, "abc", states); err != nil {
		t.Fatal(err)
	}
	if again, _ := os.ReadFile(path); !bytes.Equal(first, again) {
		t.Error("two writes differ")
	}
}

// TestSequence: ids come back with the states, and only the owner can read them.
func TestSequence(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	for _, ids := range [][]int32{{5, 200, 1 << 30}, {}} {
		list := slices.Clone(states)
		for i := range list {
			list[i].Len, list[i].From = len(ids), 0
		}
		if err := WriteSequence(path, "abc", ids, list); err != nil {
			t.Fatal(err)
		}
		f, err := Read(path)
		if want := (&File{Bundle: "abc", KV: "f16", Len: len(ids), States: list, IDs: ids}); err != nil || !reflect.DeepEqual(f, want) {
			t.Errorf("%+v, %v, want %+v", f, err, want)
		}
	}
	if st, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && st.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", st.Mode(), err)
	}
	if err := WriteSequence(path, "abc", []int32{1}, states); err == nil {
		t.Error("1 id of 3 positions was written")
	}
}

func TestWriteRefuses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	for name, list := range map[string][]backend.StateData{
		"none":    nil,
		"lengths": {{Name: "a", KV: "f16", Len: 1}, {Name: "b", KV: "f16", Len: 2}},
		"types":   {{Name: "a", KV: "f16", Len: 1}, {Name: "b", KV: "f32", Len: 1}},
		"twice":   {{Name: "a", KV: "f16", Len: 1}, {Name: "a", KV: "f16", Len: 1}},
	} {
		if err := Write(path, "", list); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

// file makes a safetensors file of one U8 tensor with the given metadata.
func file(t *testing.T, typ tensor.Type, kv ...string) string {
	o := safetensors.Options{Tensors: []tensor.Info{{Name: "kv.0", Type: typ, Shape: tensor.Shape{4}}}}
	for i := 0; i < len(kv); i += 2 {
		o.Metadata = append(o.Metadata, tensor.KV{Key: kv[i], Value: kv[i+1]})
	}
	var b bytes.Buffer
	w, err := safetensors.NewWriter(&b, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.WriteBytes("kv.0", make([]byte, 4*typ.BlockBytes())); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "s")
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestReadRefuses(t *testing.T) {
	for _, c := range []struct {
		want string
		typ  tensor.Type
		kv   []string
	}{
		{"not a state", tensor.U8, nil},
		{"not a state", tensor.U8, []string{"tessera_state", "1"}},
		{"not a state", tensor.U8, []string{"tessera_state", "2", "len", "1", "from", "0"}},
		{"unknown metadata", tensor.U8, []string{"format", "pt"}},
		{"metadata len", tensor.U8, []string{"tessera_state", "3"}},
		{"metadata len", tensor.U8, []string{"tessera_state", "3", "len", "-1"}},
		{"metadata len", tensor.U8, []string{"tessera_state", "3", "len", "99999999999999999999"}},
		{"metadata from", tensor.U8, []string{"tessera_state", "3", "len", "1"}},
		{"metadata from", tensor.U8, []string{"tessera_state", "3", "len", "1", "from", "2"}},
		{"metadata from", tensor.U8, []string{"tessera_state", "3", "len", "1", "from", "-1"}},
		{"2 numbers for 1 states", tensor.U8, []string{"tessera_state", "3", "len", "1", "from", "0,0"}},
		{"ids has 1 of them for 2", tensor.U8, []string{"tessera_state", "3", "len", "2", "from", "0", "ids", "1"}},
		{"ids has 0 of them for 1", tensor.U8, []string{"tessera_state", "3", "len", "1", "from", "0", "ids", ""}},
		{"want a token id", tensor.U8, []string{"tessera_state", "3", "len", "2", "from", "0", "ids", "1,-1"}},
		{"want a token id", tensor.U8, []string{"tessera_state", "3", "len", "1", "from", "0", "ids", "99999999999"}},
		{"damaged", tensor.U8, []string{"tessera_state", "3", "len", "1", "from", "0"}},
		{"damaged", tensor.U8, []string{"tessera_state", "3", "len", "1", "from", "0", "sha256", strings.Repeat("0", 64)}},
		{"want u8", tensor.F32, []string{"tessera_state", "3", "len", "1", "from", "0"}},
	} {
		if f, err := Read(file(t, c.typ, c.kv...)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %+v, %v, want %q", c.kv, f, err, c.want)
		}
	}
}

// TestFlips: a file of which any one byte is another is refused, or says the same.
func TestFlips(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	if err := WriteSequence(path, "abc", []int32{7, 8, 900}, states); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	data := len(good) - len(states[0].Data) - len(states[1].Data)
	for i := range good {
		for _, flip := range []byte{1, 32, 255} {
			bad := bytes.Clone(good)
			bad[i] ^= flip
			if err := os.WriteFile(path, bad, 0o600); err != nil {
				t.Fatal(err)
			}
			f, err := Read(path)
			if err == nil && (i >= data || !reflect.DeepEqual(f, want)) {
				t.Errorf("byte %d of %d flipped by %d: %+v", i, len(good), flip, f)
			}
			if i >= data && (err == nil || !strings.Contains(err.Error(), "damaged")) {
				t.Errorf("byte %d of %d flipped by %d: %v", i, len(good), flip, err)
			}
		}
	}
}

// TestBeside: what lies beside the file stays, whatever its name, and nothing is added.
func TestBeside(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "s")
	mine := path + ".part"
	if err := os.WriteFile(mine, []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := Write(path, "abc", states); err != nil {
			t.Fatal(err)
		}
	}
	if b, err := os.ReadFile(mine); err != nil || string(b) != "mine" {
		t.Errorf("%q, %v", b, err)
	}
	if all, err := os.ReadDir(dir); err != nil || len(all) != 2 {
		t.Errorf("%v, %v", all, err)
	}
}

func FuzzRead(f *testing.F) {
	path := filepath.Join(f.TempDir(), "s")
	if err := Write(path, "abc", states); err != nil {
		f.Fatal(err)
	}
	seed, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	if err := WriteSequence(path, "abc", []int32{7, 8, 9}, states); err != nil {
		f.Fatal(err)
	}
	if seed, err = os.ReadFile(path); err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "s")
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		s, err := Read(path)
		if err != nil {
			return
		}
		if s.IDs != nil && len(s.IDs) != s.Len {
			t.Fatalf("%d ids of %d positions", len(s.IDs), s.Len)
		}
		for _, st := range s.States {
			if st.Len != s.Len || st.KV != s.KV || len(st.Data) > len(data) {
				t.Fatalf("%+v from %d bytes", st, len(data))
			}
		}
	})
}
