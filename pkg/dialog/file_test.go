package dialog

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/tessera-llm/tessera/pkg/chat"
)

func TestFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "chat.json")
	in := &Conversation{System: "s", Messages: []chat.Message{User("a\n<|im_end|>"), {Role: "assistant", Content: "", Reasoning: "r"}}}
	if err := in.Save(path); err != nil {
		t.Fatal(err)
	}
	var out Conversation
	if err := out.Load(path); err != nil || fmt.Sprint(out.All()) != fmt.Sprint(in.All()) {
		t.Errorf("%v %v", out.All(), err)
	}
	for bad, want := range map[string]string{
		``:                                "want a list of messages",
		`{}`:                              "want a list of messages",
		`null`:                            "not null",
		`[1]`:                             "want a list of messages",
		`[null]`:                          `message 0: role ""`,
		`[{"role":"tool","content":"x"}]`: `message 0: role "tool"`,
		`[{"role":"user","content":1}]`:   "want a list of messages",
		`[{"role":"user","content":"x","extra":1}]`:                       "extra",
		`[{"role":"user","content":"x"},{"role":"assistant"}]`:            "message 1, of role assistant, has no content",
		`[{"role":"system","content":null}]`:                              "message 0, of role system, has no content",
		`[{"role":"system","content":"x","reasoning_content":"y"}]`:       "message 0: role system with reasoning",
		`[{"role":"user","content":"x"},{"role":"system","content":"x"}]`: `message 1: role "system"`,
		`[] []`: "more behind",
	} {
		if err := os.WriteFile(path, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := out.Load(path); err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), want) || out.System != "s" || len(out.Messages) != 2 {
			t.Errorf("%s: %v, want %q", bad, err, want)
		}
	}
	// A conversation without messages is one, too.
	if err := new(Conversation).Save(path); err != nil {
		t.Error(err)
	}
	if err := out.Load(path); err != nil || len(out.All()) != 0 {
		t.Errorf("%v, %v", out.All(), err)
	}
}

// TestSaveRefuses: what Load would not take back is not written, and the file stays.
func TestSaveRefuses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "chat.json")
	const old = "[]\n"
	if err := os.WriteFile(path, []byte(old), 0o600); err != nil {
		t.Fatal(err)
	}
	system := chat.Message{Role: "system", Content: "x"}
	for want, c := range map[string]*Conversation{
		`message 1: role "tool"`:           {Messages: []chat.Message{User("x"), {Role: "tool", Content: "x"}}},
		`message 0: role "developer"`:      {Messages: []chat.Message{{Role: "developer", Content: "x"}}},
		`message 0: role ""`:               {Messages: []chat.Message{{Content: "x"}}},
		`message 2: role "system"`:         {Messages: []chat.Message{User("x"), User("y"), system}},
		`message 1: role "system"`:         {System: "in front", Messages: []chat.Message{system}},
		"role system with reasoning":       {Messages: []chat.Message{{Role: "system", Content: "x", Reasoning: "y"}}},
		"message 0 holds more":             {Messages: []chat.Message{{Role: "user", Content: "x", ToolCallID: "1"}}},
		fmt.Sprintf("at most %d", maxFile): {Messages: []chat.Message{User(strings.Repeat("x", maxFile))}},
	} {
		if err := c.Save(path); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%v, want %q", err, want)
		}
		if data, err := os.ReadFile(path); err != nil || string(data) != old {
			t.Fatalf("%s: the file holds %.60q, %v", want, data, err)
		}
	}
	folder := filepath.Dir(path)
	if err := new(Conversation).Save(folder); err == nil || !strings.Contains(err.Error(), "not a file") {
		t.Errorf("saved as a folder: %v", err)
	}
	if err := new(Conversation).Save(filepath.Join(folder, "none", "chat.json")); err == nil {
		t.Error("saved into no folder")
	}
	if have, err := os.ReadDir(folder); err != nil || len(have) != 1 {
		t.Errorf("the folder holds %v, %v", have, err)
	}
}

// TestSaveReplaces: the file is replaced whole, not written over, by one that only its owner
// can read; a link to it stays a link.
func TestSaveReplaces(t *testing.T) {
	folder := t.TempDir()
	path, other, link := filepath.Join(folder, "chat.json"), filepath.Join(folder, "other"), filepath.Join(folder, "link")
	if err := os.WriteFile(path, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o644); err != nil { // whatever the umask
		t.Fatal(err)
	}
	if err := os.Link(path, other); err != nil {
		t.Skipf("this file system has no hard links: %v", err)
	}
	if err := os.Symlink("chat.json", link); err != nil {
		t.Skipf("this file system has no links: %v", err)
	}
	if err := (&Conversation{Messages: []chat.Message{User("new")}}).Save(link); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(other); err != nil || string(data) != "old" {
		t.Errorf("the old file holds %q, %v: it was written over", data, err)
	}
	var c Conversation
	if err := c.Load(path); err != nil || len(c.Messages) != 1 {
		t.Errorf("%v, %v", c.Messages, err)
	}
	if info, err := os.Lstat(path); err != nil || !info.Mode().IsRegular() || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode().Type() != os.ModeSymlink {
		t.Errorf("the link is %v, %v", info, err)
	}
	if have, err := os.ReadDir(folder); err != nil || len(have) != 3 {
		t.Errorf("the folder holds %v, %v", have, err)
	}
}
