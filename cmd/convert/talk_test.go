package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/tessera-llm/tessera/internal/testutil"
	"github.com/tessera-llm/tessera/pkg/cache"
	"github.com/tessera-llm/tessera/pkg/dialog"
	"github.com/tessera-llm/tessera/runtime"
	"github.com/tessera-llm/tessera/runtime/cpu"
)

// chatML is a chat template for the demo model, which has none.
var chatML = filepath.Join(testutil.Root(), "pkg", "dialog", "testdata", "chatml.jinja")

// demoDir holds demoBundle; TestMain removes it.
var demoDir string

// demoBundle is the trained checkpoint as q8_0, made once.
var demoBundle = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "tessera-test")
	if err != nil {
		return "", err
	}
	demoDir = dir
	path := filepath.Join(dir, "demo.tess")
	if code := run(context.Background(), []string{"tessera", "convert", testutil.Model("war-and-peace"), "-o", path, "--type", "q8_0"}); code != 0 {
		return "", fmt.Errorf("convert: exit code %d", code)
	}
	return path, nil
})

func demo(t testing.TB) string {
	t.Helper()
	out, end := capture(t, &os.Stdout)
	path, err := demoBundle()
	end()
	<-out
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// limits are settings for a greedy answer of at most max tokens.
func limits(max int) settings { return settings{Options: dialog.Options{MaxTokens: max}} }

// newTestTalk opens the demo model with the ChatML template.
func newTestTalk(t testing.TB, set settings) *talk {
	t.Helper()
	return openTalk(t, set, chatML)
}

// openTalk opens the demo model with a template; "" is none.
func openTalk(t testing.TB, set settings, template string) *talk {
	t.Helper()
	o, err := cache.Open(context.Background(), demo(t), cache.OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	m, err := runtime.New(o.Program, runtime.Options{Backend: cpu.Backend{}, Threads: 1, Context: 512})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	texts, err := o.Texts()
	if err != nil {
		t.Fatal(err)
	}
	named, err := dialog.FindTemplate(texts.Templates, template)
	if err != nil {
		t.Fatal(err)
	}
	tk := &talk{m: m, set: set}
	if tk.lang, err = dialog.NewLanguage(texts, named, m.DefaultSampler()); err != nil {
		t.Fatal(err)
	}
	if err := tk.begin(""); err != nil {
		t.Fatal(err)
	}
	return tk
}
