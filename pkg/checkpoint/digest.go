package checkpoint

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"

	"github.com/tessera-llm/tessera/internal/folder"
	"github.com/tessera-llm/tessera/internal/mmap"
	"github.com/tessera-llm/tessera/pkg/tensor"
)

// Files lists every file that contributes, in a fixed order: configuration,
// index, weights, tokenizer files, templates.
func (c *Checkpoint) Files() ([]File, error) {
	var paths, roles []string
	add := func(role, path string) { roles, paths = append(roles, role), append(paths, path) }
	if c.kind == GGUF {
		for i, s := range c.gguf.Shards() {
			add(weightsRole(i), s.Path)
		}
	} else {
		add(configName, filepath.Join(c.dir, configName))
		if c.generation != nil {
			add(generationName, filepath.Join(c.dir, generationName))
		}
		if c.index != "" {
			add("index", c.index)
		}
		for i, s := range c.st.Shards() {
			add(weightsRole(i), s.Path)
		}
		for _, row := range tokenizerFiles {
			path, err := folder.Resolve(c.dir, row.name)
			if absent(c.dir, row.name, err) {
				continue
			}
			if err != nil {
				return nil, err
			}
			add(row.name, path)
		}
		templates, err := c.templatePaths()
		if err != nil {
			return nil, err
		}
		for _, path := range templates {
			add(templatesDir+"/"+filepath.Base(path), path)
		}
	}
	files := make([]File, len(paths))
	for i, path := range paths {
		st, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		files[i] = File{roles[i], path, st.Size()}
	}
	return files, nil
}

func weightsRole(i int) string { return fmt.Sprintf("weights-%05d", i) }

// Digest is the SHA-256, in hex, over roles, sizes and the whole content of
// all Files. It does not depend on paths, file names or times. progress, when
// not nil, is told how many bytes of how many are done.
func (c *Checkpoint) Digest(ctx context.Context, progress func(done, total int64)) (string, error) {
	files, err := c.Files()
	if err != nil {
		return "", err
	}
	var done, total int64
	for _, f := range files {
		total += f.Size
	}
	sum := sha256.New()
	buf := make([]byte, 1<<20)
	for _, f := range files {
		startFile(sum, f)
		if err := digestFile(ctx, sum, f, buf, func(n int) {
			if done += int64(n); progress != nil {
				progress(done, total)
			}
		}); err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// startFile separates files: role and size fix where each begins and ends.
func startFile(sum hash.Hash, f File) {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(f.Role)))
	b = append(b, f.Role...)
	sum.Write(binary.LittleEndian.AppendUint64(b, uint64(f.Size)))
}

func digestFile(ctx context.Context, sum hash.Hash, f File, buf []byte, step func(int)) error {
	r, err := os.Open(f.Path)
	if err != nil {
		return err
	}
	defer r.Close()
	var n int64
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		got, err := r.Read(buf)
		sum.Write(buf[:got])
		n += int64(got)
		step(got)
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
	}
	if n != f.Size {
		return fmt.Errorf("%s changed while it was read: %d bytes, %d before", f.Path, n, f.Size)
	}
	return nil
}

// Samples of a Fingerprint: of each tensor, up to maxSampled evenly chosen
// ones, its first, middle and last sampleBytes.
const (
	maxSampled  = 1024
	sampleBytes = 256
)

// Fingerprint is a key for caches, in hex, at the cost of some page faults: the
// SHA-256 over roles and sizes of all Files, the whole content of those that
// are not weights, the headers of the weights, and samples of up to 1024
// tensors (first, middle and last 256 bytes of each). Any change of names,
// shapes, metadata, configuration or tokenizer changes it, and so does retraining
// or quantising. An edit of weights that touches no sample does not: use Digest
// where that matters. It does not depend on paths, file names or times.
func (c *Checkpoint) Fingerprint() (string, error) {
	files, err := c.Files()
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	weights := 0
	for _, f := range files {
		startFile(sum, f)
		if f.Role == weightsRole(weights) {
			io.WriteString(sum, c.headerText(weights))
			weights++
			continue
		}
		text, err := folder.Read(f.Path, MaxTokenizer)
		if err != nil {
			return "", err
		}
		sum.Write(text)
	}
	if err := mmap.Guard(func() error { return c.sample(sum) }); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// headerText is the header of weight file i.
func (c *Checkpoint) headerText(i int) string {
	if c.gguf != nil {
		return c.gguf.Shards()[i].Header
	}
	return string(c.st.Shards()[i].Text)
}

// sample hashes pieces of the tensor data.
func (c *Checkpoint) sample(sum hash.Hash) error {
	src := c.Source()
	infos := src.Tensors()
	for _, i := range pick(infos) {
		t, err := src.Tensor(infos[i].Name)
		if err != nil {
			return err
		}
		n := len(t.Data)
		if n <= 3*sampleBytes {
			sum.Write(t.Data)
			continue
		}
		for _, at := range [...]int{0, (n - sampleBytes) / 2, n - sampleBytes} {
			sum.Write(t.Data[at : at+sampleBytes])
		}
	}
	return nil
}

// pick chooses at most maxSampled indices, evenly.
func pick(infos []tensor.Info) []int {
	n := min(len(infos), maxSampled)
	at := make([]int, n)
	for i := range at {
		at[i] = int(int64(i) * int64(len(infos)) / int64(n))
	}
	return at
}
