//go:build unix

package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tessera-llm/tessera/pkg/format"
	"github.com/tessera-llm/tessera/pkg/quant"
	"github.com/tessera-llm/tessera/pkg/synth"
)

// asProgram makes this test binary run as the program itself.
const asProgram = "TESSERA_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	code := m.Run()
	os.RemoveAll(demoDir)
	os.Exit(code)
}

// process starts the program in a process of its own.
func process(t *testing.T, args ...string) (*exec.Cmd, *strings.Builder) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(self, args...)
	c.Env = append(os.Environ(), asProgram+"=1")
	var out strings.Builder
	c.Stdout, c.Stderr = &out, &out
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	return c, &out
}

// slowSource is a checkpoint whose conversion to q4_k_m with one thread takes a
// good part of a second.
func slowSource(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "slow.gguf")
	c, err := synth.Config("tiny-llama", map[string]any{"num_hidden_layers": 12, "intermediate_size": 1024})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := synth.WriteGGUF(context.Background(), path, synth.Options{Config: c, Type: quant.F16, Seed: 1}); err != nil {
		t.Fatal(err)
	}
	return path
}

// whole fails unless a bundle opens and has the content it was written with.
func whole(t *testing.T, what, path string) {
	t.Helper()
	b, err := format.Open(path)
	if err != nil {
		t.Errorf("%s: %v", what, err)
		return
	}
	defer b.Close()
	if err := b.Check(nil); err != nil {
		t.Errorf("%s: %v", what, err)
	}
}

// TestKilled kills conversions at random moments: 100 times under make
// test-faults, else a few. Nothing that opens stands at the output unless the
// conversion had finished; an old bundle stays whole; the next run removes what
// was left.
func TestKilled(t *testing.T) {
	n := 8
	if v, err := strconv.Atoi(os.Getenv("TESSERA_FAULTS")); err == nil {
		n = v
	}
	src, dir := slowSource(t), t.TempDir()
	out, kept := filepath.Join(dir, "new.tess"), filepath.Join(dir, "kept.tess")
	flags := []string{"--type", "q4_k_m", "--threads", "1"}
	begin := time.Now()
	ok(t, append([]string{"convert", src, "-o", kept}, flags...)...)
	took := time.Since(begin)
	r := rand.New(rand.NewPCG(1, uint64(n)))
	finished, stages := 0, 0
	for i := 0; i < n || stages == 0 && i < n+100; i++ { // on a busy machine the moments may all be bad
		args := append([]string{"convert", src, "-o", out}, flags...)
		if i%2 == 1 {
			args = append([]string{"convert", src, "-o", kept, "--force"}, flags...)
		}
		c, text := process(t, args...)
		time.Sleep(time.Duration(r.Int64N(int64(took) * 5 / 4)))
		c.Process.Kill()
		err := c.Wait()
		var exit *exec.ExitError
		if err == nil {
			finished++
		} else if !errors.As(err, &exit) || exit.Exited() {
			t.Fatalf("the program ended by itself: %v\n%s", err, text)
		}
		for _, name := range []string{"new.tess", "kept.tess"} {
			path := filepath.Join(dir, name)
			if _, err := os.Stat(path); err == nil {
				whole(t, "after a kill, "+name, path)
			} else if name == "kept.tess" {
				t.Fatal("the old bundle is gone")
			}
		}
		left, err := filepath.Glob(filepath.Join(dir, ".*.partial-*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range left {
			stages++
			if b, err := format.Open(p); err == nil { // between the exchange and the removal
				b.Close()
			}
		}
		if err := os.RemoveAll(out); err != nil {
			t.Fatal(err)
		}
	}
	ok(t, append([]string{"convert", src, "-o", out}, flags...)...)
	ok(t, append([]string{"convert", src, "-o", kept, "--force"}, flags...)...)
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 {
		t.Errorf("the next run left %v (%v)", entries, err)
	}
	t.Logf("%d kills within %v, %d too late, %d partial folders and locks seen and removed", n, took*5/4, finished, stages)
	if stages == 0 {
		t.Error("no kill came during the writing")
	}
}

// TestInterrupted: Ctrl-C ends a conversion with exit code 130 and leaves
// nothing.
func TestInterrupted(t *testing.T) {
	src, dir := slowSource(t), t.TempDir()
	out := filepath.Join(dir, "new.tess")
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		c, text := process(t, "convert", src, "-o", out, "--type", "q4_k_m", "--threads", "1")
		for end := time.Now().Add(3 * time.Minute); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
			if left, _ := filepath.Glob(filepath.Join(dir, ".*.partial-*", "*.bin")); len(left) > 0 {
				break
			}
		}
		if err := c.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		err := c.Wait()
		if err == nil {
			t.Logf("%v came too late", sig)
			os.RemoveAll(out)
			continue
		}
		if c.ProcessState.ExitCode() != exitSignal || !strings.Contains(text.String(), "interrupted") {
			t.Errorf("%v: exit code %d, want %d\n%s", sig, c.ProcessState.ExitCode(), exitSignal, text)
		}
		if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
			t.Errorf("%v: left behind: %v (%v)", sig, entries, err)
		}
	}
}
