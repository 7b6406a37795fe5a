package checkpoint

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/tessera-llm/tessera/internal/folder"
	"github.com/tessera-llm/tessera/pkg/gguf"
	"github.com/tessera-llm/tessera/pkg/safetensors"
)

const (
	configName     = "config.json"
	generationName = "generation_config.json"
	singleName     = "model.safetensors"
)

// Open opens the checkpoint at path, a folder or a file.
func Open(path string) (*Checkpoint, error) {
	st, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, notFound(path, err)
	}
	if err != nil {
		return nil, err
	}
	if st.IsDir() {
		return openFolder(path)
	}
	if !st.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: neither a folder nor a regular file", path)
	}
	return openFile(path, st.Size())
}

var hubName = regexp.MustCompile(`^[\w.-]+/[\w.-]+$`)

// notFound adds a hint when path looks like a name on the Hugging Face hub.
func notFound(path string, err error) error {
	if hubName.MatchString(path) {
		return fmt.Errorf("%w: nothing is downloaded by itself; if this is a model on the Hugging Face hub, "+
			"run `hf download %s` and give the folder it prints", err, path)
	}
	return err
}

// openFile decides by the first bytes what a file is.
func openFile(path string, size int64) (*Checkpoint, error) {
	head, err := readHead(path)
	if err != nil {
		return nil, err
	}
	base := filepath.Base(path)
	switch {
	case len(head) == 0:
		return nil, fmt.Errorf("%s: empty file", path)
	case folder.IsPointer(head):
		return nil, folder.PointerError(path)
	case isGGUF(head):
		return openGGUF(path)
	case len(head) > 8 && head[8] == '{' && binary.LittleEndian.Uint64(head) <= uint64(size):
		return openSingle(path)
	case isPickle(head):
		return nil, pickleError(path)
	case head[0] == '{' && strings.HasSuffix(base, ".json"):
		return nil, fmt.Errorf("%s: give the folder that holds this file, not the file", path)
	case strings.HasSuffix(base, ".safetensors"):
		f, err := safetensors.Open(path) // its error says what is wrong
		if err == nil {
			return nil, errors.Join(fmt.Errorf("%s: unusual safetensors file", path), f.Close())
		}
		return nil, err
	}
	return nil, fmt.Errorf("%s: neither GGUF nor safetensors: the file starts with %q", path, head[:min(len(head), 8)])
}

func readHead(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	head := make([]byte, 32)
	n, err := io.ReadFull(f, head)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return nil, err
	}
	return head[:n], nil
}

// isGGUF includes the formats before GGUF, whose refusal is the reader's.
func isGGUF(head []byte) bool {
	for _, magic := range [...]string{"GGUF", "lmgg", "fmgg", "tjgg", "algg"} {
		if bytes.HasPrefix(head, []byte(magic)) {
			return true
		}
	}
	return false
}

// isPickle recognises the zip archives and bare pickles that torch.save writes.
func isPickle(head []byte) bool {
	return bytes.HasPrefix(head, []byte("PK\x03\x04")) || len(head) > 1 && head[0] == 0x80 && head[1] >= 2 && head[1] <= 5
}

func pickleError(path string) error {
	return fmt.Errorf("%s: a PyTorch pickle, which is not read because it can run code; convert it in Python: "+
		"AutoModelForCausalLM.from_pretrained(dir).save_pretrained(out, safe_serialization=True)", path)
}

func openGGUF(path string) (*Checkpoint, error) {
	f, err := gguf.Open(path)
	if err != nil {
		return nil, err
	}
	arch, ok := f.String("general.architecture")
	if !ok || arch == "" {
		return nil, errors.Join(fmt.Errorf("%s: no general.architecture", path), f.Close())
	}
	return &Checkpoint{path: path, kind: GGUF, gguf: f, arch: arch, modelType: arch}, nil
}

var shardName = regexp.MustCompile(`-(\d{5})-of-(\d{5})\.safetensors$`)

// openSingle opens one safetensors file with the config.json beside it.
func openSingle(path string) (*Checkpoint, error) {
	dir, base := filepath.Split(path)
	dir = filepath.Clean(dir + ".")
	if m := shardName.FindStringSubmatch(base); m != nil && m[2] != "00001" {
		return nil, fmt.Errorf("%s: shard %s of %s: give its folder, %s", path, m[1], m[2], dir)
	}
	if strings.HasPrefix(base, "consolidated") {
		return nil, vendorError(path)
	}
	c := &Checkpoint{path: path, dir: dir, kind: HF}
	if err := c.readConfigs(); err != nil {
		if absent(dir, configName, err) {
			return nil, fmt.Errorf("%s: a safetensors file needs its config.json beside it: %w", path, err)
		}
		return nil, err
	}
	var err error
	c.st, err = safetensors.Open(path)
	return c.opened(err)
}

// openFolder opens a Hugging Face folder.
func openFolder(dir string) (*Checkpoint, error) {
	c := &Checkpoint{path: dir, dir: dir, kind: HF}
	if err := c.readConfigs(); err != nil {
		if absent(dir, configName, err) {
			return nil, explainNoConfig(dir)
		}
		return nil, err
	}
	for _, try := range []struct {
		name string
		open func(string) (*safetensors.File, error)
	}{{singleName, safetensors.Open}, {safetensors.IndexName, safetensors.OpenIndex}} {
		path, err := folder.Resolve(dir, try.name)
		if absent(dir, try.name, err) {
			continue
		}
		if err == nil {
			c.st, err = try.open(path)
		}
		if try.name == safetensors.IndexName {
			c.index = path
		}
		return c.opened(err)
	}
	path, err := onlyWeights(dir)
	if err == nil {
		c.st, err = safetensors.Open(path)
	}
	return c.opened(err)
}

// absent reports whether err says that there is no such file in dir. A link
// that points nowhere, as an incomplete download leaves it, is not absent.
func absent(dir, name string, err error) bool {
	if !errors.Is(err, fs.ErrNotExist) {
		return false
	}
	_, err = os.Lstat(filepath.Join(dir, name))
	return errors.Is(err, fs.ErrNotExist)
}

func (c *Checkpoint) opened(err error) (*Checkpoint, error) {
	if err != nil {
		return nil, err
	}
	return c, nil
}
