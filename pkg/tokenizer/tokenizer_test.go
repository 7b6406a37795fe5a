package tokenizer

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/tessera-llm/tessera/internal/testutil"
)

// TestSpecialInText: control tokens in text are text unless asked for.
func TestSpecialInText(t *testing.T) {
	tok := smallTokenizer(t, "llama3")
	im, ok := tok.TokenID("<|im_start|>")
	if !ok {
		t.Fatal("no <|im_start|>")
	}
	think, _ := tok.TokenID("<think>")
	for _, special := range []bool{false, true} {
		ids, err := tok.Encode("a<|im_start|>b<think>c", EncodeOptions{ParseSpecial: special})
		if err != nil {
			t.Fatal(err)
		}
		if slices.Contains(ids, im) != special {
			t.Errorf("ParseSpecial %v: %v", special, ids)
		}
		if !slices.Contains(ids, think) {
			t.Errorf("user-defined token not found: %v", ids)
		}
		if got := tok.Decode(ids, DecodeOptions{}); got != "a<|im_start|>b<think>c" {
			t.Errorf("decodes as %q", got)
		}
	}
	ids := []int32{im, think}
	if got := tok.Decode(ids, DecodeOptions{SkipSpecial: true}); got != "<think>" {
		t.Errorf("skipped: %q", got)
	}
	if _, k, _ := tok.Piece(im); k != Control {
		t.Errorf("<|im_start|> is %v", k)
	}
	if _, k, _ := tok.Piece(think); k != UserDefined {
		t.Errorf("<think> is %v", k)
	}
	var names []string
	for _, s := range tok.Special() {
		names = append(names, s.Piece+" "+s.Kind.String())
	}
	if got := strings.Join(names, ", "); got != "<|endoftext|> control, <|im_start|> control, <think> user-defined, single user-defined, <|end|> control" {
		t.Errorf("special tokens: %s", got)
	}
}

// TestTrusted: of one text, the control tokens of the trusted part only.
func TestTrusted(t *testing.T) {
	for _, name := range []string{"llama3", "nfkc", "llama2"} {
		tok := smallTokenizer(t, name)
		im, _ := tok.TokenID("<|im_start|>")
		text := "\xff\uFB01<|im_start|>user\n<|im_start|>\uFB01 <|im_<|im_start|><|im_start|>"
		from := strings.Index(text, "user")
		to := strings.LastIndex(text, "<|im_start|>")
		trusted := func(start, end int) bool { return end <= from || start >= to }
		toks, err := tok.EncodeOffsets(text, EncodeOptions{ParseSpecial: true, Trusted: trusted})
		if err != nil {
			t.Fatal(err)
		}
		var at []int
		for _, x := range toks {
			if x.ID == im {
				at = append(at, x.Start)
			}
		}
		if !slices.Equal(at, []int{strings.Index(text, "<"), to}) {
			t.Errorf("%s: control tokens at %v", name, at)
		}
		ids, err := tok.Encode(text, EncodeOptions{ParseSpecial: true, Trusted: trusted})
		if err != nil || len(ids) != len(toks) {
			t.Fatalf("%s: %d and %d tokens, %v", name, len(ids), len(toks), err)
		}
		for i := range ids {
			if ids[i] != toks[i].ID {
				t.Errorf("%s: token %d differs", name, i)
			}
		}
		all, _ := tok.Encode(text, EncodeOptions{ParseSpecial: true})
		same, _ := tok.Encode(text, EncodeOptions{ParseSpecial: true, Trusted: func(int, int) bool { return true }})
		if !slices.Equal(all, same) {
			t.Errorf("%s: all trusted differs from none asked", name)
		}
	}
}

func TestAddSpecial(t *testing.T) {
	tok := smallTokenizer(t, "gpt2")
	data, err := os.ReadFile("testdata/small/gpt2.json")
	if err != nil {
		t.Fatal(err)
	}
	tok, err = FromJSON(data, []byte(`{"bos_token":{"content":"<|endoftext|>"},"eos_token":"<|im_start|>"}`))
	if err != nil {
		t.Fatal(err)
	}
	bos, ok := tok.BOS()
	if !ok || !tok.AddBOS() || tok.AddEOS() {
		t.Errorf("bos %d %v, added %v; eos added %v", bos, ok, tok.AddBOS(), tok.AddEOS())
	}
	if eos, ok := tok.EOS(); !ok || eos == bos {
		t.Errorf("eos %d %v", eos, ok)
	}
	ids, err := tok.Encode("", EncodeOptions{AddSpecial: true})
	if err != nil || !slices.Equal(ids, []int32{bos}) {
		t.Errorf("empty text: %v, %v", ids, err)
	}
	if ids, _ := tok.Encode("", EncodeOptions{}); len(ids) != 0 {
		t.Errorf("empty text: %v", ids)
	}
	// What the configuration says of bos and eos stands; tokens may be added there.
	next := tok.Size()
	tok, err = FromJSON(data, fmt.Appendf(nil, `{"bos_token":"<|endoftext|>","eos_token":"the","add_bos_token":false,"add_eos_token":true,
		"added_tokens_decoder":{"%d":{"content":"<tool>","special":true},"0":{"content":"<|endoftext|>","special":true,"rstrip":true}}}`, next))
	if err != nil {
		t.Fatal(err)
	}
	ids, err = tok.Encode("<|endoftext|>  <tool>", EncodeOptions{AddSpecial: true, ParseSpecial: true})
	the, _ := tok.TokenID("the")
	if err != nil || !slices.Equal(ids, []int32{0, int32(next), the}) || tok.AddBOS() || !tok.AddEOS() {
		t.Errorf("with a configuration: %v, %v", ids, err)
	}
	if _, k, _ := tok.Piece(the); k != Control {
		t.Errorf("eos is %v", k)
	}
	if _, err := FromJSON(data, []byte(`{"added_tokens_decoder":{"7000":{"content":"<tool>"}}}`)); err == nil || !strings.Contains(err.Error(), "id 7000") {
		t.Errorf("a gap: %v", err)
	}
}

// TestOffsets: tokens of unchanged text cover it without gaps; those of changed
// text lie inside it.
func TestOffsets(t *testing.T) {
	tok := smallTokenizer(t, "llama3")
	text := "Hello  WORLD's \U0001F600 na\u00efve\n12345\xff!"
	toks, err := tok.EncodeOffsets(text, EncodeOptions{AddSpecial: true})
	if err != nil {
		t.Fatal(err)
	}
	at := 0
	for i, x := range toks[1:] {
		if x.Start > at || x.End < x.Start {
			t.Fatalf("token %d at %d-%d after %d", i, x.Start, x.End, at)
		}
		at = max(at, x.End)
	}
	if at != len(text) || toks[0].End != 0 {
		t.Errorf("tokens end at %d of %d", at, len(text))
	}
	tok = smallTokenizer(t, "nfkc")
	toks, err = tok.EncodeOffsets("\uFB01ne e\u0301", EncodeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if toks[0].Start != 0 || toks[len(toks)-1].End != len("\uFB01ne e\u0301") {
		t.Errorf("%v", toks)
	}
}

// TestStream: pieces of a stream are whole characters and together what Decode
// returns.
func TestStream(t *testing.T) {
	for _, name := range []string{"llama3", "llama2", "metaspace-first", "phi3", "unigram-bytes"} {
		tok := smallTokenizer(t, name)
		for _, text := range readCases(t, "testdata/small/"+name+".cases") {
			ids, err := tok.Encode(text, EncodeOptions{})
			if err != nil {
				t.Fatal(err)
			}
			d := tok.NewDecoder(DecodeOptions{})
			var all strings.Builder
			for _, id := range ids {
				s := d.Push(id)
				if !utf8.ValidString(s) {
					t.Fatalf("%s: %q: half a character %q", name, text, s)
				}
				all.WriteString(s)
			}
			all.WriteString(d.Flush())
			if want := tok.Decode(ids, DecodeOptions{}); all.String() != want {
				t.Errorf("%s: %q: stream %q, decode %q", name, text, all.String(), want)
			}
		}
	}
	tok := smallTokenizer(t, "llama2")
	d := tok.NewDecoder(DecodeOptions{})
	var got []string
	for _, p := range []string{"a", "<0xF0>", "<0x9F>", "<0x98>", "<0x80>", "<0xF0>", "<0x9F>", "a"} {
		id, ok := tok.TokenID(p)
		if !ok {
			t.Fatalf("no %s", p)
		}
		got = append(got, d.Push(id))
	}
	if s := fmt.Sprintf("%q %q", got, d.Flush()); s != `["a" "" "" "" "😀" "" "" "��a"] ""` {
		t.Errorf("%s", s)
	}
}

// TestStripEnd: a decoder that strips at the end holds back what may be the
// end.
func TestStripEnd(t *testing.T) {
	tok := smallTokenizer(t, "llama2")
	tok.spec.Decode.StripEnd = 2
	tok.spec.Decode.StripStart = 0
	d := tok.NewDecoder(DecodeOptions{})
	a, _ := tok.TokenID("a")
	sp, _ := tok.TokenID("▁")
	var got strings.Builder
	for _, id := range []int32{sp, a, sp, sp, sp, a, sp, sp, sp} {
		got.WriteString(d.Push(id))
	}
	got.WriteString(d.Flush())
	if got.String() != " a   a " {
		t.Errorf("%q", got.String())
	}
}

func TestConcurrentUse(t *testing.T) {
	tok := smallTokenizer(t, "qwen2")
	text := strings.Repeat("The quick brown fox, I'll say 123 привет. ", 50)
	want, _ := tok.Encode(text, EncodeOptions{})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 5 {
				if got, err := tok.Encode(text, EncodeOptions{}); err != nil || !slices.Equal(got, want) {
					t.Errorf("differs: %v", err)
				}
			}
		})
	}
	wg.Wait()
}

// TestLongWords: the heap and the scan merge alike.
func TestLongWords(t *testing.T) {
	tok := smallTokenizer(t, "gpt2")
	b := tok.model.(*bpe)
	for n := smallWord - 3; n < smallWord+4; n++ {
		w := strings.Repeat("thequickbrownfoxjumpsoverthelazydogtheand", 3)[:n]
		var m, h merger
		b.byteSymbols(&m, w)
		h.syms = slices.Clone(m.syms)
		m.run(b.pair)
		h.runHeap(b.pair)
		if !slices.Equal(m.syms, h.syms) {
			t.Errorf("%d bytes: %v and %v", n, m.syms, h.syms)
		}
	}
}

// TestCutsChangeNothing: cutting at metaspaces is only faster.
func TestCutsChangeNothing(t *testing.T) {
	for _, name := range []string{"llama2", "gemma", "phi3", "unk", "metaspace-first"} {
		tok, whole := smallTokenizer(t, name), smallTokenizer(t, name)
		if !tok.cutWords {
			t.Errorf("%s: not cut", name)
		}
		whole.cutWords = false
		for _, text := range append(readCases(t, "testdata/small/"+name+".cases"), strings.Repeat("the quick  brown   fox. ", 40)) {
			a, _ := tok.Encode(text, EncodeOptions{})
			b, _ := whole.Encode(text, EncodeOptions{})
			if !slices.Equal(a, b) {
				t.Errorf("%s: %q: cut %v, whole %v", name, text, a, b)
			}
		}
	}
}

// TestTrainedModel: the committed model's tokenizer, round trip and special
// tokens.
func TestTrainedModel(t *testing.T) {
	dir := testutil.Model("war-and-peace")
	data, err := os.ReadFile(dir + "/tokenizer.json")
	if err != nil {
		t.Skipf("%v", err)
	}
	config, err := os.ReadFile(dir + "/tokenizer_config.json")
	if err != nil {
		t.Fatal(err)
	}
	tok, err := FromJSON(data, config)
	if err != nil {
		t.Fatal(err)
	}
	if tok.Size() != 4096 {
		t.Errorf("%d tokens, want 4096", tok.Size())
	}
	text := "Well, Prince, so Genoa and Lucca are now just family estates.\n\n“Eh bien, mon prince”—said she, in July, 1805."
	ids, err := tok.Encode(text, EncodeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if got := tok.Decode(ids, DecodeOptions{}); got != text {
		t.Errorf("decodes as %q", got)
	}
	if len(ids) > len(text)/2 {
		t.Errorf("%d tokens for %d bytes", len(ids), len(text))
	}
	if eos, ok := tok.EOS(); !ok {
		t.Error("no eos")
	} else if _, k, _ := tok.Piece(eos); k != Control {
		t.Errorf("eos is %v", k)
	}
}

func TestPieces(t *testing.T) {
	tok := smallTokenizer(t, "llama2")
	for id := range int32(tok.Size()) {
		p, _, ok := tok.Piece(id)
		if !ok {
			t.Fatalf("token %d unassigned", id)
		}
		if back, ok := tok.TokenID(p); !ok || back != id {
			t.Errorf("token %d %q is found as %d", id, p, back)
		}
	}
	for _, id := range []int32{-1, int32(tok.Size())} {
		if _, k, ok := tok.Piece(id); ok || k != Unassigned {
			t.Errorf("token %d: %v %v", id, k, ok)
		}
		if got := tok.Decode([]int32{id}, DecodeOptions{}); got != "" {
			t.Errorf("token %d decodes as %q", id, got)
		}
	}
	if _, k, _ := tok.Piece(3); k != Byte {
		t.Errorf("token 3 is %v, want byte", k)
	}
	if _, k, _ := tok.Piece(0); k != Unknown {
		t.Errorf("token 0 is %v, want unknown", k)
	}
}

func TestInvalidUTF8(t *testing.T) {
	// The table of Unicode's "best practices for U+FFFD", and what Python does.
	for _, c := range []struct{ in, want string }{
		{"a\xffb", "a\uFFFDb"}, {"\xe4\xbd", "\uFFFD"}, {"\xe4\xbdx", "\uFFFDx"}, {"\xf0\x9f\x98", "\uFFFD"}, {"\xed\xa0\x80", "\uFFFD\uFFFD\uFFFD"},
		{"\xc0\xaf", "\uFFFD\uFFFD"}, {"\xf4\x90\x80\x80", "\uFFFD\uFFFD\uFFFD\uFFFD"}, {"\xe1\x80\xe2\xf0\x91\x92\xf1\xbfA", "\uFFFD\uFFFD\uFFFD\uFFFDA"}, {"\u00e9", "\u00e9"},
	} {
		if got := validText(text{s: c.in}).s; got != c.want {
			t.Errorf("%q: %q, want %q", c.in, got, c.want)
		}
		if got := validString([]byte(c.in)); got != c.want {
			t.Errorf("%q: %q, want %q", c.in, got, c.want)
		}
	}
	for _, c := range []struct {
		in   string
		want int
	}{{"", 0}, {"a", 0}, {"\xe4", 1}, {"a\xe4\xbd", 2}, {"\xe4\xbd\xa0", 0}, {"\xf0\x9f\x98", 3}, {"\xf0\x9f\x98\x80", 0}, {"\xff", 0}, {"\x80", 0}, {"\xed\xa0", 0}, {"\xc3", 1}, {"\xf5\x80", 0}} {
		if got := incomplete([]byte(c.in)); got != c.want {
			t.Errorf("incomplete(%q) = %d, want %d", c.in, got, c.want)
		}
	}
}
