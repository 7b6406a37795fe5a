package jsonscan

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	deep := strings.Repeat("[", 64) + strings.Repeat("]", 64)
	for _, c := range []struct{ in, want string }{
		{`{}`, ""}, {` [1, -0, 0.5e-3, 1E9, true, false, null, "é\u00e9\ud83d\ude00\n"] `, ""},
		{`{"a":{"b":[{}]},"c":"d"}`, ""}, {deep, ""},
		{"[" + deep + "]", "nested more than 64"},
		{``, "found the end"}, {`{`, "want a key"}, {`{"a"}`, "want ':'"}, {`{"a":1,}`, "want a key"},
		{`[1,]`, "want a value"}, {`[1 2]`, "want ',' or ']'"}, {`{"a":1 "b":2}`, "want ',' or '}'"},
		{`{"a":1,"b":2,"a":3}`, `duplicate key "a"`}, {`{"a":1,"\u0061":3}`, `duplicate key "a"`},
		{`[{"x":{"k":1,"k":1}}]`, "duplicate key"},
		{`1 2`, "text after"}, {"{}\x00", "text after"},
		{`01`, "malformed number"}, {`-`, "malformed number"}, {`1.`, "malformed number"}, {`1e`, "malformed number"},
		{`1e999`, "out of range"}, {strings.Repeat("9", 400), "out of range"}, {`.5`, "want a value"}, {`1.2.3`, "malformed"},
		{`NaN`, `found "NaN"`}, {`-Infinity`, "malformed number"}, {`[Infinity]`, `"Infinity"`}, {`nullx`, "want a value"},
		{`"a`, "without end"}, {"\"a\nb\"", "control character"}, {"\"\xff\"", "invalid UTF-8"},
		{`"\x"`, "malformed escape"}, {`"\u12"`, "malformed escape"}, {`"\ud800"`, "lone surrogate"},
		{`"\ud800\u0041"`, "lone surrogate"}, {`"\udc00\ud800"`, "lone surrogate"}, {`"\`, "malformed escape"},
		{`"\u+123"`, "malformed escape"},
	} {
		err := Check([]byte(c.in))
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%.40q: got %v, want %q", c.in, err, c.want)
		}
	}
}

func TestManyKeysDuplicate(t *testing.T) {
	var b strings.Builder
	b.WriteString(`{"last":0`)
	for i := range 100 {
		b.WriteString(`,"k` + strings.Repeat("x", i) + `":0`)
	}
	if err := Check([]byte(b.String() + "}")); err != nil {
		t.Error(err)
	}
	if err := Check([]byte(b.String() + `,"last":1}`)); err == nil {
		t.Error("duplicate of an early key missed")
	}
}

func TestWalk(t *testing.T) {
	s := New([]byte(`{"a\n": [1, {"x": "q\u0041\/"}], "n": 12 }`))
	var got []string
	err := s.Object(func(key string) error {
		got = append(got, key)
		if s.Peek() == '[' {
			return s.Array(func(i int) error {
				raw, err := s.Raw()
				got = append(got, string(raw))
				return err
			})
		}
		return s.Skip()
	})
	if err != nil || s.End() != nil {
		t.Fatal(err, s.End())
	}
	if want := "a\n|1|{\"x\": \"q\\u0041\\/\"}|n"; strings.Join(got, "|") != want {
		t.Errorf("got %q", got)
	}
}

// FuzzCheck: whatever Check accepts, encoding/json accepts, and strings agree.
func FuzzCheck(f *testing.F) {
	for _, s := range []string{`{"a":[1,2.5e3,"x\ud83d\ude00"]}`, `{"a":1,"a":2}`, `"\u0000"`, `[[[[]]]]`, `-0.0e+1`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		if Check(in) == nil && !json.Valid(in) {
			t.Fatalf("accepted what encoding/json refuses: %q", in)
		}
		s := New(in)
		got, err := s.String()
		var want string
		if err == nil && s.End() == nil && (json.Unmarshal(in, &want) != nil || got != want) {
			t.Fatalf("string %q, want %q", got, want)
		}
	})
}
