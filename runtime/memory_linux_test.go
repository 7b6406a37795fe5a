package runtime_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tessera-llm/tessera/internal/testutil"
	"github.com/tessera-llm/tessera/pkg/checkpoint"
	"github.com/tessera-llm/tessera/pkg/convert"
	"github.com/tessera-llm/tessera/pkg/format"
	"github.com/tessera-llm/tessera/pkg/quant"
	"github.com/tessera-llm/tessera/pkg/synth"
	"github.com/tessera-llm/tessera/pkg/tokenizer"
	"github.com/tessera-llm/tessera/runtime"
	"github.com/tessera-llm/tessera/runtime/cpu"
)

// memoryCase is a use of a model, in full: steps of as many tokens as there may be, as
// many logits, every session at its depth.
type memoryCase struct {
	Model    string // of testdata/models, or of pkg/synth
	Type     string
	KV       string
	Sessions int
	Depth    int
	Chunk    int
	Threads  int
	Loaded   bool // most positions, not computed: for large models

	Bundle string // that the parent has made
}

func (c memoryCase) String() string {
	return fmt.Sprintf("%s %s, cache %s, %d × %d in steps of %d", c.Model, c.Type, c.KV, c.Sessions, c.Depth, c.Chunk)
}

// resident is what a child says.
type resident struct {
	Sum       runtime.Memory
	Start     int64 // resident bytes before anything is opened
	Now, Peak int64 // at the end, and at most
	Anon      int64 // of Now, what is no file
}

// memoryChild holds the case of a child.
const memoryChild = "TESSERA_MEMORY_CHILD"

// smallSlack is what a sum may be off where a model is so small that Go's runtime is
// most of the process.
const smallSlack = 4 << 20

// TestMemory: the sum is within 10 % of the resident size of a process that uses a model
// to the full, or, for the small models here, within 4 MiB of it. TESSERA_MEMORY names models of pkg/synth for which it
// is 10 % whatever their size: make test-memory.
func TestMemory(t *testing.T) {
	if info, ok := debug.ReadBuildInfo(); ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"}) {
		t.Skip("the race detector keeps memory of its own")
	}
	cases := []memoryCase{
		{Model: "llama-f32", Type: "q8_0", KV: "f16", Sessions: 1, Depth: 500, Chunk: 512},
		{Model: "llama-bias-bf16", Type: "keep", KV: "f32/q8_0", Sessions: 4, Depth: 500, Chunk: 128},
		{Model: "mistral-window-f32", Type: "keep", KV: "f32", Sessions: 8, Depth: 500, Chunk: 64},
		{Model: "qwen3-bf16-sharded", Type: "f16", KV: "q8_0/f16", Sessions: 2, Depth: 300, Chunk: 512},
		{Model: "war-and-peace", Type: "q4_k_m", KV: "f16", Sessions: 1, Depth: 2000, Chunk: 512},
		{Model: "war-and-peace", Type: "q8_0", KV: "f32", Sessions: 12, Depth: 600, Chunk: 512},
	}
	if os.Getenv("TESSERA_MEMORY") == "" && testing.Short() {
		cases = cases[4:]
	}
	slack := int64(smallSlack)
	if names := os.Getenv("TESSERA_MEMORY"); names != "" {
		cases, slack = nil, 0
		for _, name := range strings.Split(names, ",") {
			for _, c := range []memoryCase{{Sessions: 1, Depth: 512, KV: "f16"}, {Sessions: 8, Depth: 512, KV: "q8_0"}, {Sessions: 1, Depth: 8192, KV: "f16"}, {Sessions: 8, Depth: 8192, KV: "f16"}} {
				c.Model, c.Type, c.Chunk, c.Loaded = name, "q4_k_m", 512, true
				cases = append(cases, c)
			}
		}
	}
	bundles := map[string]string{}
	for _, c := range cases {
		key := c.Model + " " + c.Type
		if bundles[key] == "" {
			bundles[key] = memoryBundle(t, c)
		}
		c.Bundle = bundles[key]
		r := measureChild(t, c)
		off := r.Now - r.Sum.Sum
		t.Logf("%s: sum %d, resident %d (%d at most, %d no file, %d at the start): %+.1f %%", c, r.Sum.Sum, r.Now, r.Peak, r.Anon, r.Start, 100*float64(off)/float64(r.Now))
		if most := max(slack, r.Now/10); off > most || -off > most {
			t.Errorf("%s: the sum is %d bytes, %d are resident: %+v", c, r.Sum.Sum, r.Now, r.Sum)
		}
	}
}

// memoryBundle converts the model of c.
func memoryBundle(t *testing.T, c memoryCase) string {
	t.Helper()
	path := testutil.Model(c.Model)
	if _, err := os.Stat(path); err != nil {
		path = filepath.Join(t.TempDir(), c.Model+".gguf")
		q, err := quant.ParseRecipe(c.Type)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := synth.WriteGGUF(t.Context(), path, synth.Options{Model: c.Model, Type: q}); err != nil {
			t.Fatal(err)
		}
		c.Type = "keep"
	}
	q, err := quant.ParseRecipe(c.Type)
	if err != nil {
		t.Fatal(err)
	}
	ck, err := checkpoint.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer ck.Close()
	plan, err := convert.NewPlan(t.Context(), ck, convert.Options{Type: q})
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "m.tess")
	if err := plan.Write(t.Context(), out, convert.WriteOptions{Workers: 2}); err != nil {
		t.Fatal(err)
	}
	return out
}

// measureChild runs c in a process of its own.
func measureChild(t *testing.T, c memoryCase) resident {
	t.Helper()
	spec, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "-test.run", "^TestMemoryChild$", "-test.v")
	cmd.Env = append(os.Environ(), memoryChild+"="+string(spec))
	out, err := cmd.CombinedOutput()
	_, line, ok := bytes.Cut(out, []byte("MEMORY "))
	if err != nil || !ok {
		t.Fatalf("%s: %v\n%s", c, err, out)
	}
	var r resident
	if err := json.NewDecoder(bytes.NewReader(line)).Decode(&r); err != nil {
		t.Fatal(err)
	}
	return r
}

// TestMemoryChild is the process of measureChild.
func TestMemoryChild(t *testing.T) {
	var c memoryCase
	spec := os.Getenv(memoryChild)
	if spec == "" {
		t.Skip("runs as a child of TestMemory")
	}
	if err := json.Unmarshal([]byte(spec), &c); err != nil {
		t.Fatal(err)
	}
	debug.FreeOSMemory()
	r := resident{Start: status(t, "VmRSS")}
	b, err := format.Open(c.Bundle)
	if err != nil {
		t.Fatal(err)
	}
	var tok *tokenizer.Tokenizer
	if data, err := b.File(format.TokenizerFile, format.MaxText); err == nil {
		if tok, err = tokenizer.Load(data); err != nil {
			t.Fatal(err)
		}
	}
	m, err := runtime.New(runtime.BundleProgram(b), runtime.Options{Backend: cpu.Backend{}, Threads: c.Threads, Context: c.Depth, MaxChunk: c.Chunk, KVType: c.KV})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if r.Sum, err = m.Memory(runtime.Load{Sessions: c.Sessions, Rows: m.Options().MaxRows}); err != nil {
		t.Fatal(err)
	}
	useInFull(t, m, c.Sessions, c.Depth, c.Loaded)
	if c.Loaded {
		debug.FreeOSMemory() // what was loaded from
	}
	r.Now, r.Peak, r.Anon = status(t, "VmRSS"), status(t, "VmHWM"), status(t, "RssAnon")
	if tok != nil && tok.Size() == 0 {
		t.Fatal("a tokenizer without tokens") // and it is alive until here
	}
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Printf("MEMORY %s\n", text)
}

// status reads a size of this process.
func status(t *testing.T, name string) int64 {
	t.Helper()
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, name+":"); ok {
			kb, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return kb << 10
		}
	}
	t.Fatalf("no %s", name)
	return 0
}
