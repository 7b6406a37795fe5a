package format_test

import (
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/tessera-llm/tessera/internal/testutil"
	"github.com/tessera-llm/tessera/pkg/format"
	"github.com/tessera-llm/tessera/pkg/pack"
	"github.com/tessera-llm/tessera/pkg/tensor"
)

// TestDocument holds docs/format.md to the code: its example is a manifest that
// is accepted, its table of records is pkg/pack's, its numbers are the constants.
func TestDocument(t *testing.T) {
	text := string(read(t, testutil.Root(), "docs", "format.md"))
	_, rest, ok := strings.Cut(text, "```json\n")
	example, _, ok2 := strings.Cut(rest, "```")
	if !ok || !ok2 {
		t.Fatal("no example")
	}
	m, err := format.DecodeManifest([]byte(example))
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Weights) == 0 || len(m.Graphs) == 0 || m.Version != format.Version || len(m.Features) != len(format.Features) {
		t.Error("the example shows too little")
	}
	row := regexp.MustCompile(`(?m)^\| (\w+) \| (\d+) \| (\d+) \| `)
	rows := row.FindAllStringSubmatch(text, -1)
	for _, r := range rows {
		typ, err := tensor.ParseType(r[1])
		if err != nil {
			t.Fatal(err)
		}
		if strconv.Itoa(pack.Lookup(typ).Channels) != r[2] || strconv.Itoa(pack.Lookup(typ).Size) != r[3] {
			t.Errorf("%s: the document says %s channels in %s bytes, the code %d in %d", typ, r[2], r[3], pack.Lookup(typ).Channels, pack.Lookup(typ).Size)
		}
	}
	n := 0
	for typ := range tensor.Type(255) {
		if typ.Valid() && pack.Supported(typ) && !strings.HasPrefix(typ.String(), "fake_") {
			n++
		}
	}
	if len(rows) != n {
		t.Errorf("the document has %d records, the code %d", len(rows), n)
	}
	for _, f := range append(format.TextFiles, format.SharedFile, format.ManifestName) {
		if !strings.Contains(text, "`"+f+"`") {
			t.Errorf("%s is not mentioned", f)
		}
	}
	for _, s := range []string{
		"**" + strconv.Itoa(format.TensorAlign) + " bytes**", "**" + strconv.Itoa(format.FileAlign>>10) + " KiB**",
		"at most " + strconv.Itoa(format.MaxManifest>>20) + " MiB", strconv.Itoa(format.MaxFiles) + " files",
	} {
		if !strings.Contains(text, s) {
			t.Errorf("the document does not say %q", s)
		}
	}
}
