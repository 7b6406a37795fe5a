package format_test

import (
	"encoding/binary"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/tessera-llm/tessera/internal/testutil"
	"github.com/tessera-llm/tessera/pkg/codec"
	"github.com/tessera-llm/tessera/pkg/format"
	"github.com/tessera-llm/tessera/pkg/format/tesserapb"
	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/pkg/pack"
	"github.com/tessera-llm/tessera/pkg/tensor"
)

var updateDocs = flag.Bool("update-docs", false, "rewrite the generated tables of docs/format.md")

// TestDocument holds docs/format.md to the code: its example is a manifest that
// is accepted, it lists every key with its type, its tables are those of the code, its
// numbers are the constants.
func TestDocument(t *testing.T) {
	path := filepath.Join(testutil.Root(), "docs", "format.md")
	text := string(read(t, path))
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
	documentedKeys(t, text)
	documentedBlocks(t, text)
	text = tables(t, text)
	if *updateDocs {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range append(format.TextFiles, format.SharedFile, format.ManifestName) {
		if !strings.Contains(text, "| `"+f+"` | ") {
			t.Errorf("%s is not mentioned", f)
		}
	}
	for _, s := range []string{
		"**" + strconv.Itoa(format.TensorAlign) + " bytes**", "**" + strconv.Itoa(format.FileAlign>>10) + " KiB**",
		"at most " + strconv.Itoa(format.MaxManifest>>20) + " MiB", "at most " + strconv.Itoa(format.MaxFiles) + " files",
		"`version` = " + strconv.Itoa(format.SegmentVersion) + ", the revision", "Revision " + strconv.Itoa(format.SegmentVersion) + ":",
		"a codec (" + strings.Join(codecNames(), ", ") + ")",
		fmt.Sprintf("Elements: %d f32, %d i8, %d i32. Layouts: %d plain, %d c4.", tesserapb.Elem_ELEM_F32, tesserapb.Elem_ELEM_I8, tesserapb.Elem_ELEM_I32,
			tesserapb.Layout_LAYOUT_PLAIN, tesserapb.Layout_LAYOUT_C4),
		fmt.Sprintf("%d S (tokens of the call), %d R (rows wanted), %d A (adjustments), %d M (rows with a mask)", ir.S, ir.R, ir.A, ir.M),
	} {
		if !strings.Contains(text, s) {
			t.Errorf("the document does not say %q", s)
		}
	}
}

// documentedKeys compares the table of keys with the types of the manifest.
func documentedKeys(t *testing.T, text string) {
	t.Helper()
	found := map[string]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z0-9_.\\[\\]]+)` \\| ((?:string|integer|number|boolean|object)s?(?:, optional)?) \\| ").FindAllStringSubmatch(text, -1) {
		found[m[1]] = m[2]
	}
	want := manifestKeys(reflect.TypeFor[format.Manifest](), "", map[string]string{})
	for key, typ := range want {
		if found[key] != typ {
			t.Errorf("key %s is %q in the document, %q in the code", key, found[key], typ)
		}
	}
	for key := range found {
		if want[key] == "" {
			t.Errorf("the document has a key %s, the code has none", key)
		}
	}
}

// manifestKeys lists the keys of typ by path with their types in JSON.
func manifestKeys(typ reflect.Type, path string, to map[string]string) map[string]string {
	for i := range typ.NumField() {
		f := typ.Field(i)
		key, option, _ := strings.Cut(f.Tag.Get("json"), ",")
		key = path + key
		ft, many := f.Type, ""
		if ft.Kind() == reflect.Slice {
			ft, many = ft.Elem(), "s"
		}
		name := ""
		switch ft.Kind() {
		case reflect.Struct:
			if many == "" {
				manifestKeys(ft, key+".", to)
				continue
			}
			key += "[]"
			manifestKeys(ft, key+".", to)
			name = "object"
		case reflect.String:
			name = "string"
		case reflect.Bool:
			name = "boolean"
		case reflect.Float32:
			name = "number"
		default:
			name = "integer"
		}
		to[key] = name + many
		if option == "omitempty" {
			to[key] += ", optional"
		}
	}
	return to
}

// documentedBlocks compares the table of blocks in form rows with pkg/tensor.
func documentedBlocks(t *testing.T, text string) {
	t.Helper()
	for _, typ := range types() {
		if row := fmt.Sprintf("\n| %s | %d | %d | ", typ, typ.BlockElems(), typ.BlockBytes()); !strings.Contains(text, row) {
			t.Errorf("the document has no line %q", strings.TrimSpace(row))
		}
	}
}

// types lists what a bundle can hold, without the rows of tests.
func types() []tensor.Type {
	var list []tensor.Type
	for _, typ := range pack.Types() {
		if !strings.HasPrefix(typ.String(), "fake_") {
			list = append(list, typ)
		}
	}
	return list
}

func codecNames() []string {
	var names []string
	for _, c := range codec.All() {
		if c.Name != "h4" { // with the tag fakerows
			names = append(names, c.Name)
		}
	}
	return names
}

// tables puts the tables that follow from the code between their marks and says where
// the document has others.
func tables(t *testing.T, text string) string {
	t.Helper()
	for name, want := range map[string]string{"values": valuesTable(), "records": recordsTable(t), "messages": messagesTable(), "ops": opsTable(), "externals": externalsTable()} {
		before, rest, ok := strings.Cut(text, "<!-- "+name+" -->\n")
		have, after, ok2 := strings.Cut(rest, "<!-- end -->")
		if !ok || !ok2 {
			t.Fatalf("no marks of table %s", name)
		}
		if have != want && !*updateDocs {
			t.Errorf("table %s is not what the code says (-args -update-docs writes it):\n%s", name, want)
		}
		text = before + "<!-- " + name + " -->\n" + want + "<!-- end -->" + after
	}
	return text
}

// valuesTable says what the stored values of each type stand for.
func valuesTable() string {
	var b strings.Builder
	b.WriteString("| type | bits of q | integer | scale | of how many channels | term |\n| --- | --- | --- | --- | --- | --- |\n")
	for _, typ := range types() {
		f := pack.Lookup(typ)
		if f.Floats != nil {
			continue
		}
		integer := "q"
		if f.LUT != nil {
			integer = "table" + fmt.Sprint(f.LUT[:])
		} else if f.Zero != 0 {
			integer = fmt.Sprintf("q - %d", f.Zero)
		}
		scale, term := "d · sc", ""
		if f.Scale == pack.ScaleHalf {
			scale = "d"
		}
		switch f.Plane {
		case pack.PlaneMinPair:
			term = "- dmin · mn"
		case pack.PlaneBSum:
			term = "+ m"
		}
		fmt.Fprintf(&b, "| %s | %d | %s | %s | %d | %s |\n", typ, f.LowBits+f.HighBits, integer, scale, f.Group, term)
	}
	return b.String()
}

// recordsTable draws the record of each type.
func recordsTable(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("| type | channels | bytes | fields at byte offsets |\n| --- | --- | --- | --- |\n")
	for _, typ := range types() {
		f := pack.Lookup(typ)
		fmt.Fprintf(&b, "| %s | %d | %d | %s |\n", typ, f.Channels, f.Size, strings.Join(recordFields(t, f), "; "))
	}
	return b.String()
}

// recordFields lists the fields of a record in their order.
func recordFields(t *testing.T, f *pack.Format) []string {
	t.Helper()
	if f.Floats != nil {
		return []string{floatField(t, f)}
	}
	var fields []string
	end := 0
	add := func(at, bytes int, what string) {
		if at > end {
			fields = append(fields, fmt.Sprintf("%d: zero", end))
		}
		fields = append(fields, fmt.Sprintf("%d: %s", at, what))
		end = at + bytes
	}
	halves := map[int]string{1: "[16]", 2: "[2][16]"}[f.Halves]
	add(0, 32*f.Halves, "d"+halves)
	switch f.Plane {
	case pack.PlaneMinPair:
		add(f.Min, 32*f.Halves, "dmin"+halves)
	case pack.PlaneBSum:
		add(f.Min, 32*f.Halves, "m"+halves)
	}
	subs := f.Channels / f.Group
	switch f.Scale {
	case pack.ScaleU6:
		add(f.Sub, 16*subs, fmt.Sprintf("u8 sc[%d][16]", subs))
		add(f.SubMin, 16*subs, fmt.Sprintf("u8 mn[%d][16][2]", subs/2))
	case pack.ScaleI8:
		add(f.Sub, 16*subs, fmt.Sprintf("i8 sc[%d][16]", subs))
	}
	add(f.Low, 64*f.LowVectors, fmt.Sprintf("%d %s vectors", f.LowVectors, map[int]string{4: "nibble", 8: "group"}[f.LowBits]))
	if f.HighVectors > 0 {
		add(f.High, 64*f.HighVectors, fmt.Sprintf("%d %s vectors", f.HighVectors, map[int]string{1: "high-bit", 2: "high-2"}[f.HighBits]))
	}
	if end != f.Size {
		t.Errorf("%s: the fields end at %d of %d bytes", f.Type, end, f.Size)
	}
	return fields
}

// floatField packs numbers from 1 on and finds where they lie in a record.
func floatField(t *testing.T, f *pack.Format) string {
	t.Helper()
	w := 4 / f.Channels // bytes of a value
	rows, record := make([]byte, 64), make([]byte, 64)
	for i := range 64 / w {
		binary.LittleEndian.PutUint16(rows[i*w:], uint16(i+1))
	}
	if err := pack.P16.Pack(record, rows, f.Type, 16, int64(f.Channels)); err != nil {
		t.Fatal(err)
	}
	at := func(row, channel int) int {
		for i := range 64 / w {
			if int(binary.LittleEndian.Uint16(record[i*w:])) == row*f.Channels+channel+1 {
				return i * w
			}
		}
		t.Fatalf("%s: row %d, channel %d is nowhere", f.Type, row, channel)
		return 0
	}
	name, row, channel := "w[16 rows]", 4, 0
	if f.Channels == 2 && at(0, 1) == w {
		name, row, channel = "w[16 rows][2 channels]", 2*w, w
	} else if f.Channels == 2 {
		name, row, channel = "w[2 channels][16 rows]", w, 16*w
	}
	for r := range 16 {
		for c := range f.Channels {
			if at(r, c) != r*row+c*channel {
				t.Errorf("%s: row %d, channel %d lies at %d of a record, want %d", f.Type, r, c, at(r, c), r*row+c*channel)
			}
		}
	}
	return "0: " + name
}

// messagesTable lists the fields of the protobuf messages.
func messagesTable() string {
	var b strings.Builder
	b.WriteString("| message | fields |\n| --- | --- |\n")
	var message func(m protoreflect.MessageDescriptor)
	message = func(m protoreflect.MessageDescriptor) {
		var fields []string
		var inner []protoreflect.MessageDescriptor
		for i := range m.Fields().Len() {
			f := m.Fields().Get(i)
			kind := f.Kind().String()
			if f.Message() != nil {
				kind = string(f.Message().Name())
				inner = append(inner, f.Message())
			}
			if f.IsList() {
				kind = "repeated " + kind
			}
			fields = append(fields, fmt.Sprintf("%d `%s` %s", f.Number(), f.Name(), kind))
		}
		fmt.Fprintf(&b, "| %s | %s |\n", m.Name(), strings.Join(fields, ", "))
		for _, m := range inner {
			message(m)
		}
	}
	message((&tesserapb.Segment{}).ProtoReflect().Descriptor())
	return b.String()
}

// externalsTable lists the inputs that the caller of the chain makes.
func externalsTable() string {
	var b strings.Builder
	b.WriteString("| input | type | left out | meaning |\n| --- | --- | --- | --- |\n")
	for _, x := range ir.Externals {
		shape, without := strings.TrimSuffix(ir.Shape{x.Rows}.String(), "]"), ""
		if x.Bits {
			shape += ",⌈vocab/32⌉"
		}
		if x.Optional {
			without = "empty"
			if x.Fill != 0 {
				without = fmt.Sprintf("every row is %g", x.Fill)
			}
		}
		fmt.Fprintf(&b, "| `%s` | %s%s] | %s | %s |\n", x.Name, x.Elem, shape, without, x.Doc)
	}
	return b.String()
}

// opsTable lists what the nodes of each op read and say.
func opsTable() string {
	var b strings.Builder
	b.WriteString("| op | values in | weights | states | attributes, by their field in Attr |\n| --- | --- | --- | --- | --- |\n")
	count := func(least, most int) string {
		switch {
		case least < 0:
			return "1 or more"
		case most > least:
			return fmt.Sprintf("%d to %d", least, most)
		}
		return strconv.Itoa(least)
	}
	fields := map[ir.AttrKind]string{ir.Int: "i", ir.Float: "f", ir.String: "s", ir.Ints: "l"}
	for _, o := range ir.Ops() {
		if strings.HasPrefix(string(o.Name), "fake_") {
			continue
		}
		var attrs []string
		for _, a := range o.Attrs {
			s := fields[a.Kind] + " `" + a.Key + "`"
			if a.Optional {
				s += " (optional)"
			}
			attrs = append(attrs, s)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %d | %s |\n", o.Name, count(o.In-o.Optional, o.In), count(o.Weights, o.MaxWeights), o.States, strings.Join(attrs, ", "))
	}
	return b.String()
}
