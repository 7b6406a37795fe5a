package jinja

import (
	"bufio"
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/tessera-llm/tessera/internal/testutil"
)

// TestModels compares random conversations in the templates of real models with what testdata/gen/models.py
// made jinja2 write to the file TESSERA_JINJA_MODELS names.
func TestModels(t *testing.T) {
	path := os.Getenv("TESSERA_JINJA_MODELS")
	if path == "" {
		t.Skip("TESSERA_JINJA_MODELS is not set: see testdata/gen/models.py")
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, 1<<24)
	tmpls := map[string]*Template{}
	n, raised := 0, 0
	for sc.Scan() {
		var row struct {
			File     string
			Vars     *Map
			Out, Err *string
		}
		if err := json.Unmarshal(sc.Bytes(), &row); err != nil {
			t.Fatal(err)
		}
		tmpl := tmpls[row.File]
		if tmpl == nil {
			src, err := os.ReadFile(testutil.SharedData(t, "templates/"+row.File))
			if err != nil {
				t.Fatal(err)
			}
			if tmpl, err = Parse(string(src)); err != nil {
				t.Fatal(err)
			}
			tmpls[row.File] = tmpl
		}
		n++
		got, err := tmpl.render(context.Background(), row.Vars, Options{Now: testNow})
		switch {
		case row.Out != nil && err != nil:
			t.Errorf("%s line %d: %v", row.File, n, err)
		case row.Out != nil && got.s != *row.Out:
			t.Errorf("%s line %d: got\n%q\nwant\n%q", row.File, n, got.s, *row.Out)
		case row.Out == nil && err == nil:
			t.Errorf("%s line %d: rendered, want error %s", row.File, n, *row.Err)
		case row.Out == nil:
			raised++
			if kind, _, _ := strings.Cut(*row.Err, ":"); kind != err.(*Error).Kind {
				t.Errorf("%s line %d: error %v, want %s", row.File, n, err, *row.Err)
			}
		}
	}
	if err := sc.Err(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d conversations in %d templates, %d raised", n, len(tmpls), raised)
}
