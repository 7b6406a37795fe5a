package tokenizer

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/tessera-llm/tessera/internal/testutil"
	"github.com/tessera-llm/tessera/pkg/tokenizer/internal/split"
	"github.com/tessera-llm/tessera/pkg/tokenizer/internal/uclass"
)

// docs/tokenizer.md lists every key of the description with its type, every step, every
// named pattern with an expression that finds the same, and the numbers of the format.
func TestDocument(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(testutil.Root(), "docs", "tokenizer.md"))
	if err != nil {
		t.Fatal(err)
	}
	doc := string(data)
	keys := map[string]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([A-Z][A-Za-z.\\[\\]]*)` \\| ([a-z, ]+) \\| ").FindAllStringSubmatch(doc, -1) {
		keys[m[1]] = m[2]
	}
	want := describe(reflect.TypeFor[spec](), "", map[string]string{"Name": "string", "Source": "string", "From": "string"})
	for key, typ := range want {
		if key == "Norm[]" {
			typ = "steps"
		} else if strings.HasPrefix(key, "Norm[]") {
			continue
		}
		if keys[key] != typ {
			t.Errorf("key %s is %q in the document, %q in the code", key, keys[key], typ)
		}
	}
	for key := range keys {
		if _, ok := want[key]; !ok && key != "Norm[]" {
			t.Errorf("the document has a key %s, the code has none", key)
		}
	}
	for _, op := range []string{opNFC, opNFD, opNFKC, opNFKD, opLower, opReplace, opPrepend, opStrip, opStripAccents, opMapBytes,
		opSplit, opScan, opByteLevel, opDigits, opPunctuation, opMetaspace, opWords, opBlanks,
		prefixAlways, prefixFirst, modelBPE, modelSPM, modelUnigram} {
		if !regexp.MustCompile("(`|always, )" + regexp.QuoteMeta(op) + "\\b").MatchString(doc) {
			t.Errorf("%s is not mentioned", op)
		}
	}
	for _, s := range []string{
		"| version | 4 | " + strconv.Itoa(binaryVersion) + ";", "at most " + strconv.Itoa(maxPiece>>10) + " KiB each", "`" + binaryMagic[:7] + "`",
		"its text, 1 to " + strconv.Itoa(maxAdded) + " bytes", "costs the lowest score less " + strconv.Itoa(unkPenalty), "(1 to 2^24)",
	} {
		if !strings.Contains(doc, s) {
			t.Errorf("the document does not say %q", s)
		}
	}
	if maxTokens != 1<<24 || binaryHeader != 8+4+5*4 {
		t.Errorf("a header of %d bytes, at most %d tokens: the document says otherwise", binaryHeader, maxTokens)
	}
	documentedScanners(t, doc)
}

// describe lists the keys of a description by path, with their types.
func describe(typ reflect.Type, path string, to map[string]string) map[string]string {
	for i := range typ.NumField() {
		f := typ.Field(i)
		always := ", always"
		if strings.Contains(f.Tag.Get("json"), "omitempty") {
			always = ""
		}
		key, ft := path+f.Name, f.Type
		if ft.Kind() == reflect.Slice {
			key, ft, always = key+"[]", ft.Elem(), ""
			if ft.Kind() == reflect.Int32 {
				to[key] = "integers"
				continue
			}
		}
		switch ft.Kind() {
		case reflect.Struct:
			describe(ft, key+".", to)
		case reflect.Bool:
			to[key] = "boolean" + always
		case reflect.String:
			to[key] = "string" + always
		default:
			to[key] = "integer" + always
		}
	}
	return to
}

// documentedScanners compares every named pattern with the expression of its row.
func documentedScanners(t *testing.T, doc string) {
	row := regexp.MustCompile("(?m)^\\| `([a-z0-9-]+)` \\| (``?)(.*?)(``?)(?:,.*)? \\|$")
	_, table, _ := strings.Cut(doc, "| name | expression |\n| --- | --- |\n")
	table, _, _ = strings.Cut(table, "\n\n")
	found := map[string]string{}
	for _, m := range row.FindAllStringSubmatch(table, -1) {
		found[m[1]] = strings.ReplaceAll(m[3], `\|`, `|`)
	}
	if len(found) != len(scanners) {
		t.Errorf("%d named patterns in the document, %d in the code", len(found), len(scanners))
	}
	texts := []string{"I'LL go, x's 1234ab\n\n\ty \u0301A\u4e2d\u6587\u3042 end.  ", "HTTPServer's a/b//\n\uac00\u0800 \u2018q\u2019 \u3000 'd 12 \r\n x.foo !\u0301\t\n y  "}
	for name, scan := range scanners {
		expr, ok := found[name]
		if !ok {
			t.Errorf("no expression for the pattern %s", name)
			continue
		}
		if name == "llm-letters" { // its set is pointed to
			continue
		}
		other, ok := split.Named(expr)
		if !ok {
			t.Errorf("%s: %s is no expression that has a scanner", name, expr)
			continue
		}
		slow, err := split.Regexp(expr)
		if err != nil && !strings.ContainsAny(expr, "\u3040\u0800\u2018") {
			t.Errorf("%s: %v", name, err)
		}
		for _, s := range texts {
			for i := range s {
				if a, b := scan(uclass.Get(), s, i), other(uclass.Get(), s, i); a != b {
					t.Errorf("%s at byte %d of %q: the pattern ends at %d, the document's at %d", name, i, s, a, b)
				}
			}
			if err != nil {
				continue
			}
			if a, b := matches(t, split.Scan(scan), s), matches(t, slow, s); a != b {
				t.Errorf("%s in %q: the pattern finds %s, the document's expression %s", name, s, a, b)
			}
		}
	}
}

// matches lists what a finder finds.
func matches(t *testing.T, f split.Finder, s string) string {
	t.Helper()
	var out strings.Builder
	if err := f.Each(s, func(from, to int) { out.WriteString(strconv.Quote(s[from:to])) }); err != nil {
		t.Fatal(err)
	}
	return out.String()
}
