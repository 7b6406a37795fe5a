package bundles

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"google.golang.org/protobuf/proto"

	"github.com/tessera-llm/tessera/pkg/format/tesserapb"
)

// Stage says when a case must be refused, at the latest.
type Stage int

// The stages.
const (
	Open  Stage = iota // when the bundle is opened
	Run                // when it is opened, compiled or run
	Check              // by the search for damaged content only
)

// Case is one malformed bundle.
type Case struct {
	Name  string
	Stage Stage
	Want  string // part of the error
	Break func(dir string) error
}

// Cases lists all cases in a fixed order.
func Cases() []Case {
	var all []Case
	for _, part := range [...]func() []Case{manifestCases, indexCases, fileCases, wireCases, graphCases, contentCases} {
		all = append(all, part()...)
	}
	seen := map[string]bool{}
	for _, c := range all {
		if seen[c.Name] {
			panic("bundles: two cases named " + c.Name)
		}
		seen[c.Name] = true
	}
	return all
}

// Copy copies the sound bundle at from and breaks the copy.
func (c Case) Copy(from, to string) error {
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		return err
	}
	return c.Break(to)
}

type object = map[string]any

const manifest = "manifest.json"

// edit changes the manifest as JSON.
func edit(f func(m object)) func(dir string) error {
	return func(dir string) error {
		path := filepath.Join(dir, manifest)
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var m object
		if err := json.Unmarshal(text, &m); err != nil {
			return err
		}
		f(m)
		if text, err = json.Marshal(m); err != nil {
			return err
		}
		return os.WriteFile(path, text, 0o644)
	}
}

// text replaces the manifest.
func text(f func(old string) string) func(dir string) error {
	return func(dir string) error {
		path := filepath.Join(dir, manifest)
		old, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(path, []byte(f(string(old))), 0o644)
	}
}

// replace changes a file and brings its size and digest in the manifest up to
// date: only its content is wrong.
func replace(name string, f func(old []byte) []byte) func(dir string) error {
	return func(dir string) error {
		path := filepath.Join(dir, name)
		old, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		data := f(old)
		if err := os.WriteFile(path, data, 0o644); err != nil {
			return err
		}
		sum := sha256.Sum256(data)
		return edit(func(m object) {
			for _, x := range m["files"].([]any) {
				if x := x.(object); x["name"] == name {
					x["bytes"], x["sha256"] = len(data), hex.EncodeToString(sum[:])
				}
			}
		})(dir)
	}
}

// graph changes a segment file as a message.
func graph(name string, f func(s *tesserapb.Segment)) func(dir string) error {
	return replace(name, func(old []byte) []byte {
		var s tesserapb.Segment
		if err := proto.Unmarshal(old, &s); err != nil {
			panic(fmt.Sprintf("bundles: the sound %s: %v", name, err))
		}
		f(&s)
		data, err := proto.MarshalOptions{AllowPartial: true}.Marshal(&s)
		if err != nil {
			panic(fmt.Sprintf("bundles: %s: %v", name, err))
		}
		return data
	})
}

// workflow is the list of segments for the first target.
func workflow(m object) []any { return list(entry(m, "graphs", 0), "segments") }

func list(m object, key string) []any { return m[key].([]any) }

func entry(m object, key string, i int) object { return m[key].([]any)[i].(object) }
