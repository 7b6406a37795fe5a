package format_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tessera-llm/tessera/internal/testutil"
	"github.com/tessera-llm/tessera/pkg/checkpoint"
	"github.com/tessera-llm/tessera/pkg/convert"
	"github.com/tessera-llm/tessera/pkg/format"
)

// TestOpenSegment keeps only what one segment needs and opens that.
func TestOpenSegment(t *testing.T) {
	c, err := checkpoint.Open(testutil.Model("qwen3-f32-tied"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	p, err := convert.NewPlan(context.Background(), c, convert.Options{DecoderParts: 2})
	if err != nil {
		t.Fatal(err)
	}
	whole := filepath.Join(t.TempDir(), "whole")
	if err := p.Write(context.Background(), whole, convert.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		segment string
		files   []string
		want    string // "": opens
	}{
		{"decoder-1", []string{"decoder-1.seg", "decoder-1.bin"}, ""},
		{"embed", []string{"embed.seg", "shared.bin"}, ""},
		{"topk", []string{"topk.seg"}, ""},
		{"logit", []string{"logit.seg", "logit.bin"}, "shared.bin"},
		{"decoder-1", []string{"decoder-1.bin"}, "decoder-1.seg"},
		{"decoder-7", nil, "there are embed, decoder-0, decoder-1, logit, topk"},
	} {
		part := t.TempDir()
		for _, f := range append(c.files, format.ManifestName) {
			data, err := os.ReadFile(filepath.Join(whole, f))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(part, f), data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		b, err := format.OpenSegment(part, "", c.segment)
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", c.segment, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s without a file: %v, want %q", c.segment, err, c.want)
		}
		if err != nil {
			continue
		}
		for _, w := range b.Segments[0].Graph.Weights {
			if _, err := b.Bytes(c.segment, w); err != nil {
				t.Errorf("%s: %v", c.segment, err)
			}
		}
		if _, err := format.Open(part); err == nil {
			t.Errorf("%s: a part opens as a whole bundle", c.segment)
		}
		b.Close()
	}
}
