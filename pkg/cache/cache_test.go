package cache

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tessera-llm/tessera/internal/filelock"
	"github.com/tessera-llm/tessera/internal/testutil"
	"github.com/tessera-llm/tessera/pkg/checkpoint"
	"github.com/tessera-llm/tessera/pkg/convert"
	"github.com/tessera-llm/tessera/pkg/format"
	"github.com/tessera-llm/tessera/pkg/quant"
	"github.com/tessera-llm/tessera/pkg/target"
)

// childEnv makes the test binary a process that uses a cache (see child).
const childEnv = "TESSERA_TEST_CACHE_CHILD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childEnv); dir != "" {
		child(dir)
		return
	}
	os.Exit(m.Run())
}

// child asks the cache in dir for a bundle and prints "made" or "found" and its
// path. With a pipe at standard input it stops half way through writing, says
// "writing" and goes on when it reads a line.
func child(dir string) {
	ck, err := checkpoint.Open(testutil.Model("qwen3-f32-tied"))
	if err != nil {
		fmt.Println(err)
		return
	}
	plan, err := convert.NewPlan(context.Background(), ck, convert.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	what := "found"
	in := bufio.NewReader(os.Stdin)
	progress := func(done, total int64) {
		if what == "found" && done > total/2 {
			what = "made"
			fmt.Println("writing")
			in.ReadString('\n')
		}
	}
	c := &Cache{Dir: dir, Limit: DefaultLimit}
	path, err := c.Get(context.Background(), plan, convert.WriteOptions{Progress: progress}, nil)
	fmt.Println(what, path, err)
}

func startChild(t *testing.T, dir string) (cmd *exec.Cmd, in io.WriteCloser, out *bufio.Reader) {
	t.Helper()
	cmd = exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+dir)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	r, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	return cmd, in, bufio.NewReader(r)
}

func line(t *testing.T, r *bufio.Reader) string {
	t.Helper()
	s, err := r.ReadString('\n')
	if err != nil {
		t.Fatalf("%q, %v", s, err)
	}
	return strings.TrimSpace(s)
}

func planOf(t *testing.T, path string, o convert.Options) *convert.Plan {
	t.Helper()
	ck, err := checkpoint.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ck.Close() })
	p, err := convert.NewPlan(t.Context(), ck, o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func tiny(t *testing.T, o convert.Options) *convert.Plan {
	return planOf(t, testutil.Model("qwen3-f32-tied"), o)
}

func get(t *testing.T, c *Cache, p *convert.Plan) (path string, made bool) {
	t.Helper()
	path, err := c.Get(t.Context(), p, convert.WriteOptions{Progress: func(int64, int64) { made = true }}, func() { t.Error("waited for nobody") })
	if err != nil {
		t.Fatal(err)
	}
	b, err := format.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	b.Close()
	return path, made
}

func TestKey(t *testing.T) {
	q8 := quant.Q8_0
	seen := map[string]string{}
	add := func(name string, p *convert.Plan) string {
		key, err := Key(p)
		if err != nil {
			t.Fatal(err)
		}
		if !isKey(key) {
			t.Errorf("%s: %q is no key", name, key)
		}
		if other, dup := seen[key]; dup {
			t.Errorf("%s and %s have the same key", name, other)
		}
		seen[key] = name
		return key
	}
	plain := add("plain", tiny(t, convert.Options{}))
	for name, o := range map[string]convert.Options{
		"type":       {Type: q8},
		"requantise": {Requantise: true},
		"parts":      {DecoderParts: 2},
		"tokenizer":  {NoTokenizer: true},
		"disabled":   {Disable: []string{"fuse-rope"}},
		"stopped":    {StopAfter: "fuse-rope"},
	} {
		add(name, tiny(t, o))
	}
	less := *target.CPU
	less.Ops = less.Ops[1:]
	p := tiny(t, convert.Options{})
	p.Options.Targets = []*target.Target{&less}
	add("another target table", p)
	p = tiny(t, convert.Options{})
	p.Options.IgnoreKeys = []string{"some_key"}
	add("an ignored key", p)
	add("another model", planOf(t, testutil.Model("llama-f32"), convert.Options{}))

	// The same content elsewhere has the same key; one changed byte has not.
	dir := filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(dir, os.DirFS(testutil.Model("qwen3-f32-tied"))); err != nil {
		t.Fatal(err)
	}
	if key, err := Key(planOf(t, dir, convert.Options{})); err != nil || key != plain {
		t.Errorf("a copy has key %s, %v, want %s", key, err, plain)
	}
	file := filepath.Join(dir, "model.safetensors")
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)-1] ^= 1
	if err := os.WriteFile(file, data, 0o644); err != nil {
		t.Fatal(err)
	}
	add("a changed weight", planOf(t, dir, convert.Options{}))
}

func TestGet(t *testing.T) {
	c := &Cache{Dir: filepath.Join(t.TempDir(), "new", "cache"), Limit: DefaultLimit}
	p := tiny(t, convert.Options{})
	path, made := get(t, c, p)
	if !made || filepath.Dir(path) != c.Dir {
		t.Errorf("%s, made %v", path, made)
	}
	if again, made := get(t, c, p); made || again != path {
		t.Errorf("second time: %s, made %v", again, made)
	}
	// What does not open is made again: damaged, cut short, half removed.
	for name, damage := range map[string]func() error{
		"manifest": func() error { return os.WriteFile(filepath.Join(path, format.ManifestName), []byte("{}"), 0o644) },
		"removal":  func() error { return os.Remove(filepath.Join(path, format.ManifestName)) },
		"weights":  func() error { return os.Truncate(filepath.Join(path, "decoder-0.bin"), 100) },
		"a file":   func() error { return errors.Join(os.RemoveAll(path), os.WriteFile(path, nil, 0o644)) },
	} {
		if err := damage(); err != nil {
			t.Fatal(err)
		}
		if _, made := get(t, c, p); !made {
			t.Errorf("%s: a damaged bundle was used", name)
		}
	}
}

func TestEvict(t *testing.T) {
	dir := t.TempDir()
	c := &Cache{Dir: dir, Limit: DefaultLimit}
	paths := map[string]string{}
	for i, parts := range []int{1, 2} {
		p := tiny(t, convert.Options{DecoderParts: parts})
		path, _ := get(t, c, p)
		paths[fmt.Sprint("parts", parts)] = path
		old := time.Now().Add(time.Duration(i-10) * time.Hour)
		if err := os.Chtimes(filepath.Join(path, format.ManifestName), old, old); err != nil {
			t.Fatal(err)
		}
	}
	get(t, c, tiny(t, convert.Options{DecoderParts: 1})) // now parts2 is the oldest
	open, err := format.Open(paths["parts2"])
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	// What is not the cache's stays, even a bundle.
	mine := filepath.Join(dir, "my.tess")
	if err := os.CopyFS(mine, os.DirFS(paths["parts1"])); err != nil {
		t.Fatal(err)
	}
	third := tiny(t, convert.Options{Type: quant.Q8_0})
	c.Limit = size(paths["parts1"]) + third.Bytes()
	get(t, c, third)
	for path, want := range map[string]bool{paths["parts1"]: true, paths["parts2"]: false, mine: true} {
		if _, err := os.Stat(path); (err == nil) != want {
			t.Errorf("%s is there: %v, want %v", path, err == nil, want)
		}
	}
	// Who has it open goes on.
	for _, w := range open.Segments[1].Graph.Weights {
		if data, err := open.Bytes("decoder-0", w); err != nil || len(data) == 0 {
			t.Errorf("%s: %v", w.Name, err)
		}
	}
	c.Limit = 1000
	if _, err := c.Get(t.Context(), tiny(t, convert.Options{Type: quant.Q4_0}), convert.WriteOptions{}, nil); err == nil || !strings.Contains(err.Error(), "TESSERA_CACHE_LIMIT") {
		t.Errorf("a bundle larger than the cache: %v", err)
	}
	if all, err := c.List(); err != nil || len(all) != 2 {
		t.Errorf("a bundle that cannot fit emptied the cache: %v, %v", all, err)
	}
}

func TestClear(t *testing.T) {
	dir := t.TempDir()
	c := &Cache{Dir: dir, Limit: DefaultLimit}
	a, _ := get(t, c, tiny(t, convert.Options{}))
	b, _ := get(t, c, tiny(t, convert.Options{DecoderParts: 2}))
	half := filepath.Join(dir, strings.Repeat("0", keyLen))
	stage := filepath.Join(dir, "."+strings.Repeat("1", keyLen)+".partial-012345678901")
	for _, d := range []string{half, stage, filepath.Join(dir, "photos"), filepath.Join(dir, "."+strings.Repeat("z", keyLen))} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(stage+".lock", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	lock, err := filelock.Try(b + lockSuffix) // b is being made
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	want := size(a)
	n, freed, err := c.Clear()
	if err != nil || n != 2 || freed != want { // a and the half
		t.Errorf("%d bundles, %d bytes, %v, want 2 with %d", n, freed, err, want)
	}
	left, err := c.names()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(left, " "), strings.Join([]string{"." + strings.Repeat("z", keyLen), filepath.Base(b), filepath.Base(b) + lockSuffix, "photos"}, " "); got != want {
		t.Errorf("left %q, want %q", got, want)
	}
	if n, freed, err := (&Cache{Dir: filepath.Join(dir, "none")}).Clear(); n != 0 || freed != 0 || err != nil {
		t.Errorf("a cache that does not exist: %d, %d, %v", n, freed, err)
	}
}

// TestTwoProcesses: one makes, the other waits and finds.
func TestTwoProcesses(t *testing.T) {
	dir := t.TempDir()
	_, go1, out1 := startChild(t, dir)
	if s := line(t, out1); s != "writing" {
		t.Fatal(s)
	}
	_, _, out2 := startChild(t, dir)
	waited := make(chan bool, 1)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	c := &Cache{Dir: dir, Limit: DefaultLimit}
	if _, err := c.Get(ctx, tiny(t, convert.Options{}), convert.WriteOptions{}, func() { waited <- true; cancel() }); !errors.Is(err, context.Canceled) || len(waited) != 1 {
		t.Errorf("while another process writes: %v, told to wait %d times", err, len(waited))
	}
	fmt.Fprintln(go1)
	first, second := line(t, out1), line(t, out2)
	if !strings.HasPrefix(first, "made ") || !strings.HasSuffix(first, " <nil>") || second != "found"+strings.TrimPrefix(first, "made") {
		t.Errorf("%q and %q", first, second)
	}
}

// TestKilledWriter: nothing of a killed process is used or left behind.
func TestKilledWriter(t *testing.T) {
	dir := t.TempDir()
	cmd, _, out := startChild(t, dir)
	if s := line(t, out); s != "writing" {
		t.Fatal(s)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	c := &Cache{Dir: dir, Limit: DefaultLimit}
	if all, err := c.List(); err != nil || len(all) != 0 {
		t.Errorf("a killed writer left bundles %v, %v", all, err)
	}
	path, made := get(t, c, tiny(t, convert.Options{}))
	if !made {
		t.Error("a killed writer's bundle was used")
	}
	left, err := c.names()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(left, " "), filepath.Base(path)+" "+filepath.Base(path)+lockSuffix; got != want {
		t.Errorf("left %q, want %q", got, want)
	}
}

func TestDefault(t *testing.T) {
	t.Setenv("TESSERA_CACHE", "/x")
	t.Setenv("TESSERA_CACHE_LIMIT", "12")
	if c, err := Default(); err != nil || c.Dir != "/x" || c.Limit != 12 {
		t.Errorf("%+v, %v", c, err)
	}
	for _, bad := range []string{"-1", "1G", "99999999999999999999"} {
		t.Setenv("TESSERA_CACHE_LIMIT", bad)
		if c, err := Default(); err == nil || !strings.Contains(err.Error(), "TESSERA_CACHE_LIMIT") {
			t.Errorf("%s: %+v, %v", bad, c, err)
		}
	}
	t.Setenv("TESSERA_CACHE_LIMIT", "")
	t.Setenv("TESSERA_CACHE", "")
	t.Setenv("XDG_CACHE_HOME", "/home/x/.cache")
	t.Setenv("HOME", "/home/x")
	if c, err := Default(); err == nil && (filepath.Base(c.Dir) != "tessera" || c.Limit != DefaultLimit) {
		t.Errorf("%+v", c)
	}
}
