package gguf

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/tessera-llm/tessera/internal/hostile"
	"github.com/tessera-llm/tessera/pkg/tensor"
)

// FuzzGGUF parses arbitrary bytes; what is accepted must keep the promises of
// the package comment and can be written again.
func FuzzGGUF(f *testing.F) {
	files, err := filepath.Glob("testdata/*.gguf")
	if err != nil || len(files) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, path := range files {
		b, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		f.Add(b[:len(b)/2])
	}
	for _, c := range hostile.Cases() {
		if c.Format != hostile.GGUF || c.Layer != hostile.Container {
			continue
		}
		path, err := c.Write(f.TempDir())
		if err != nil {
			f.Fatal(err)
		}
		if b, err := os.ReadFile(path); err == nil && len(b) < 1<<16 {
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		h, err := parse(data)
		if err != nil {
			return
		}
		var end int64 = h.dataStart
		for _, i := range h.infos {
			if i.Off%h.align != 0 && h.dataStart%h.align == 0 || i.Off < end || i.Bytes > 0 && i.Off+i.Bytes > int64(len(data)) {
				t.Fatalf("%+v lies outside of [%d, %d)", i, end, len(data))
			}
			if n, err := tensor.Bytes(i.Type, i.Shape); err != nil || n != i.Bytes {
				t.Fatalf("%+v: %d bytes, %v", i, n, err)
			}
			end = i.Off + i.Bytes
		}
		o := Options{Tensors: h.infos, Alignment: int(h.align)}
		for i, key := range h.keys {
			v := h.values[i]
			v.Text()
			n := 0
			for range v.Strings() {
				n++
			}
			if v.Elem() == String && n != v.Len() {
				t.Fatalf("%s: %d strings walked of %d", key, n, v.Len())
			}
			o.KV = append(o.KV, KV{key, v})
		}
		if _, err := Size(o); err != nil {
			t.Fatalf("read but not writable: %v", err)
		}
		h.splitOf()
	})
}
