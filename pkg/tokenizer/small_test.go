package tokenizer

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestSmall: tiny tokenizers with the pipelines of the named models, trained
// by testdata/gen/small.py, against what the Python package makes of random
// texts.
func TestSmall(t *testing.T) {
	files, err := filepath.Glob("testdata/small/*.cases")
	if err != nil || len(files) < 28 {
		t.Fatalf("%d files of cases (%v), want at least 28", len(files), err)
	}
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".cases"), func(t *testing.T) { compareCases(t, f) })
	}
}
