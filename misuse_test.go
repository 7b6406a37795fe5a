package tessera_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tessera-llm/tessera"
	"github.com/tessera-llm/tessera/internal/testutil"
	"github.com/tessera-llm/tessera/pkg/dialog"
)

// TestNothing: what Open and the others have not made, and nil, give errors, and closing it is
// harmless.
func TestNothing(t *testing.T) {
	ctx := context.Background()
	var none context.Context
	var noModel *tessera.Model
	var noSegment *tessera.Segment
	var noTalk *dialog.Conversation
	path := filepath.Join(t.TempDir(), "file")
	model, segment, talk, inner := &tessera.Model{}, &tessera.Segment{}, &tessera.Conversation{}, &dialog.Conversation{}
	inner.Messages = say("x")
	answer := func(e func() (tessera.Answer, error)) error {
		a, err := e()
		if err != nil && a.End != dialog.Failed {
			t.Errorf("%v: ended by %q", err, a.End)
		}
		return err
	}
	for name, k := range map[string]struct {
		want string
		run  func() error
	}{
		"Model{}.Chat": {"never opened", func() error {
			return answer(func() (tessera.Answer, error) { return tessera.Collect(model.Chat(ctx, say("x"), greedy(1))) })
		}},
		"Model{}.Generate": {"never opened", func() error {
			return answer(func() (tessera.Answer, error) { return tessera.Collect(model.Generate(ctx, "x", greedy(1))) })
		}},
		"Model{}.Tokenize":        {"never opened", func() error { _, err := model.Tokenize("x"); return err }},
		"Model{}.Detokenize":      {"never opened", func() error { _, err := model.Detokenize([]int32{1}); return err }},
		"Model{}.NewConversation": {"never opened", func() error { _, err := model.NewConversation(); return err }},
		"OpenContext of nil": {"context is nil", func() error {
			_, err := tessera.OpenContext(none, demo, tessera.OpenOptions{InMemory: true})
			return err
		}},
		"Collect of nil":        {"events are nil", func() error { return answer(func() (tessera.Answer, error) { return tessera.Collect(nil) }) }},
		"NewSegment of nil":     {"bundle is nil", func() error { _, err := tessera.NewSegment(nil, "embed", tessera.SegmentOptions{}); return err }},
		"nil Segment.Run":       {"closed", func() error { _, err := noSegment.Run(ctx, nil, nil); return err }},
		"Segment{}.Run":         {"closed", func() error { _, err := segment.Run(ctx, nil, nil); return err }},
		"nil Segment.SaveState": {"closed", func() error { return noSegment.SaveState(ctx, path) }},
		"Conversation{}.Say": {"no model", func() error {
			return answer(func() (tessera.Answer, error) { return tessera.Collect(talk.Say(ctx, "x", greedy(1))) })
		}},
		"Conversation{}.Retry": {"no model", func() error {
			return answer(func() (tessera.Answer, error) { return tessera.Collect(talk.Retry(ctx, greedy(1))) })
		}},
		"Conversation{}.Continue": {"no model", func() error {
			return answer(func() (tessera.Answer, error) { return tessera.Collect(talk.Continue(ctx, []int32{1}, greedy(1))) })
		}},
		"Conversation{}.Undo":      {"no model", func() error { return talk.Undo() }},
		"Conversation{}.Reset":     {"no model", func() error { return talk.Reset(ctx) }},
		"Conversation{}.Save":      {"no model", func() error { return talk.Save(path) }},
		"Conversation{}.Load":      {"no model", func() error { return talk.Load(path) }},
		"Conversation{}.SaveState": {"no model", func() error { return talk.SaveState(ctx, path) }},
		"Conversation{}.LoadState": {"no model", func() error { return talk.LoadState(ctx, path) }},
		"dialog.Conversation{}.Say": {"no model", func() error {
			return answer(func() (tessera.Answer, error) { return tessera.Collect(inner.Say(ctx, "x", greedy(1))) })
		}},
		"dialog.Conversation{}.Retry": {"no model", func() error {
			return answer(func() (tessera.Answer, error) { return tessera.Collect(inner.Retry(ctx, greedy(1))) })
		}},
		"dialog.Conversation{}.Reset": {"no model", func() error { return inner.Reset(ctx) }},
		"nil dialog.Conversation.Say": {"no model", func() error {
			return answer(func() (tessera.Answer, error) { return tessera.Collect(noTalk.Say(ctx, "x", greedy(1))) })
		}},
	} {
		if err := k.run(); err == nil || !strings.Contains(err.Error(), k.want) {
			t.Errorf("%s: %v, want %q", name, err, k.want)
		}
	}
	if len(inner.Messages) != 1 {
		t.Errorf("%d messages", len(inner.Messages))
	}
	var gone *tessera.Conversation
	if err := errors.Join(model.Close(), noModel.Close(), segment.Close(), noSegment.Close(), talk.Close(), gone.Close()); err != nil {
		t.Error(err)
	}
	for name, m := range map[string]*tessera.Model{"Model{}": model, "nil": noModel} {
		if m.Runtime() != nil || m.Scheduler() != nil || m.Tokenizer() != nil || m.Language() != nil {
			t.Errorf("%s has a model below", name)
		}
	}
	if noSegment.Graph() != nil || noSegment.KVType() != "" || noSegment.Len() != 0 || len(talk.All()) != 0 || talk.Language() != nil || talk.Sequence() != nil {
		t.Error("nothing holds something")
	}
}

// TestSegmentNoContext: a segment that is open asks for a context.
func TestSegmentNoContext(t *testing.T) {
	bundle := filepath.Join(t.TempDir(), "m.tess")
	write(t, testutil.Model("qwen3-f32-tied"), bundle, 1)
	s, err := tessera.OpenSegment(bundle, "decoder-0", tessera.SegmentOptions{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var none context.Context
	_, run := s.Run(none, map[string]tessera.Array{}, nil)
	for what, err := range map[string]error{"Run": run, "SaveState": s.SaveState(none, filepath.Join(t.TempDir(), "state"))} {
		if err == nil || !strings.Contains(err.Error(), "context is nil") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestInterruptedBefore: an answer whose context has ended before it begins ends in the same
// way, whoever gives it.
func TestInterruptedBefore(t *testing.T) {
	m := small(t)
	c, err := m.NewConversation()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	canceled, cancel := context.WithCancel(context.Background())
	cancel()
	late, cancel := context.WithTimeout(context.Background(), -1)
	defer cancel()
	for _, ctx := range []context.Context{canceled, late} {
		for what, events := range map[string]func() (tessera.Answer, error){
			"Say":      func() (tessera.Answer, error) { return tessera.Collect(c.Say(ctx, "x", greedy(1))) },
			"Chat":     func() (tessera.Answer, error) { return tessera.Collect(m.Chat(ctx, say("x"), greedy(1))) },
			"Generate": func() (tessera.Answer, error) { return tessera.Collect(m.Generate(ctx, "x", greedy(1))) },
		} {
			if a, err := events(); err != ctx.Err() || a.End != dialog.Interrupted || a.Tokens != 0 {
				t.Errorf("%s: ended by %q, %v, want %v", what, a.End, err, ctx.Err())
			}
		}
	}
	if len(c.Messages) > 0 {
		t.Errorf("%d messages", len(c.Messages))
	}
}
