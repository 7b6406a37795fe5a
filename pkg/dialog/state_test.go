package dialog

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tessera-llm/tessera/pkg/statefile"
	"github.com/tessera-llm/tessera/runtime/backend"
)

// TestState: a conversation that is put away and taken up again says what it would have said,
// and reads only what is new.
func TestState(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	state, messages := filepath.Join(dir, "state"), filepath.Join(dir, "chat.json")
	c := newTest(t)
	var last Answer
	for _, q := range []string{"Who is Pierre?", "And Natasha?"} {
		var err error
		if last, err = Collect(c.Say(ctx, q, greedy(8)), nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(c.SaveState(ctx, state, "bundle"), c.Save(messages)); err != nil {
		t.Fatal(err)
	}
	again := newTest(t)
	if err := errors.Join(again.Load(messages), again.LoadState(ctx, state, "bundle")); err != nil {
		t.Fatal(err)
	}
	if got, want := again.Sequence().IDs(), c.Sequence().IDs(); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	again.Count = c.Count
	want, a := steps(t, c, append(slices.Clone(c.Messages), User("And Andrew?")), greedy(8))
	got, b := steps(t, again, append(slices.Clone(again.Messages), User("And Andrew?")), greedy(8))
	if !slices.Equal(got, want) || b.Reused != a.Reused || b.Reused < last.Prompt {
		t.Errorf("%v %+v, want %v %+v", got, b, want, a)
	}
	// What does not fit leaves the sequence as it was.
	held := slices.Clone(again.Sequence().IDs())
	f, err := statefile.Read(state)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name string, ids []int32, states []backend.StateData) string {
		path := filepath.Join(dir, name)
		if err := statefile.WriteSequence(path, "bundle", ids, states); err != nil {
			t.Fatal(err)
		}
		return path
	}
	wild := slices.Clone(f.IDs)
	wild[3] = 1 << 30
	data, err := os.ReadFile(state)
	if err != nil {
		t.Fatal(err)
	}
	cut := filepath.Join(dir, "cut")
	if err := os.WriteFile(cut, data[:len(data)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	segment := filepath.Join(dir, "segment")
	if err := statefile.Write(segment, "bundle", f.States); err != nil {
		t.Fatal(err)
	}
	long := slices.Clone(f.States[:1])
	long[0].Len = testContext + 1
	for _, k := range []struct{ want, path, bundle string }{
		{"another bundle", state, "other"},
		{"belongs to a bundle", state, ""},
		{"outside", write("wild", wild, f.States), "bundle"},
		{"state", write("fewer", f.IDs, f.States[1:]), "bundle"},
		{"the context is full", write("long", make([]int32, testContext+1), long), "bundle"},
		{"of a segment", segment, "bundle"},
		{"cut", cut, "bundle"},
		{"no such file", filepath.Join(dir, "nowhere"), "bundle"},
	} {
		if err := again.LoadState(ctx, k.path, k.bundle); err == nil || !strings.Contains(err.Error(), k.want) {
			t.Errorf("%s: %v, want %q", k.path, err, k.want)
		}
		if !slices.Equal(again.Sequence().IDs(), held) {
			t.Fatalf("%s: the sequence has changed", k.path)
		}
	}
	if _, b := steps(t, again, append(slices.Clone(again.Messages), User("And Andrew?")), greedy(8)); b.Reused != b.Prompt-1 {
		t.Errorf("%+v", b)
	}
	// Not within an answer, and not without a sequence that can.
	if _, err := Collect(c.Say(ctx, "x", greedy(1)), func(Event) error {
		if err := c.SaveState(ctx, state, "bundle"); err != ErrBusy {
			t.Error(err)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	plain := NewConversation(c.Language(), struct{ Sequence }{c.Sequence()}, testContext)
	if err := plain.SaveState(ctx, state, "bundle"); err == nil {
		t.Error("a sequence that cannot was saved")
	}
}
