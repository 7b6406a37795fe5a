package safetensors

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strconv"

	"github.com/tessera-llm/tessera/pkg/tensor"
)

// ShardOptions declare a model that is written as shards.
type ShardOptions struct {
	Options
	// MaxBytes of tensor data per shard; 0 means one file. A single larger
	// tensor gets a shard of its own.
	MaxBytes int64
}

// ShardWriter writes model.safetensors, or model-0000i-of-0000N.safetensors
// with their index, into a folder, as Hugging Face names them.
type ShardWriter struct {
	dir    string
	shards []Options
	total  int64
	at     int
	left   int // tensors still to write in shard at
	file   *os.File
	buf    *bufio.Writer
	w      *Writer
	err    error
}

// NewShardWriter plans the shards; they are created while tensors are written.
// Existing files are never overwritten.
func NewShardWriter(dir string, o ShardOptions) (*ShardWriter, error) {
	s := &ShardWriter{dir: dir}
	if err := s.plan(o); err != nil {
		return nil, fmt.Errorf("safetensors: %w", err)
	}
	return s, s.open()
}

// plan distributes the tensors in order.
func (s *ShardWriter) plan(o ShardOptions) error {
	if o.MaxBytes < 0 {
		return fmt.Errorf("negative shard size")
	}
	seen := map[string]struct{}{}
	first, used := 0, int64(0)
	for i, t := range o.Tensors {
		n, err := tensor.Bytes(t.Type, t.Shape)
		if err == nil {
			err = declare(seen, "tensor", t.Name)
		}
		if err != nil {
			return fmt.Errorf("tensor %q: %w", t.Name, err)
		}
		if o.MaxBytes > 0 && i > first && used+n > o.MaxBytes {
			s.shards = append(s.shards, Options{o.Metadata, o.Tensors[first:i]})
			first, used = i, 0
		}
		used += n
		s.total += n
	}
	s.shards = append(s.shards, Options{o.Metadata, o.Tensors[first:]})
	if len(s.shards) > MaxShards {
		return fmt.Errorf("%d shards, at most %d are allowed", len(s.shards), MaxShards)
	}
	return nil
}

// name is the file name of shard i.
func (s *ShardWriter) name(i int) string {
	if len(s.shards) == 1 {
		return "model.safetensors"
	}
	return fmt.Sprintf("model-%05d-of-%05d.safetensors", i+1, len(s.shards))
}

// Paths lists the files that are written, the index last.
func (s *ShardWriter) Paths() []string {
	var paths []string
	for i := range s.shards {
		paths = append(paths, filepath.Join(s.dir, s.name(i)))
	}
	if len(s.shards) > 1 {
		paths = append(paths, filepath.Join(s.dir, IndexName))
	}
	return paths
}

// Write copies the next declared tensor from r, as Writer.Write does.
func (s *ShardWriter) Write(name string, r io.Reader) error {
	if s.err == nil && s.left == 0 && s.at+1 < len(s.shards) {
		if s.err = s.finish(); s.err == nil {
			s.at++
			s.err = s.open()
		}
	}
	if s.err == nil {
		s.err = s.w.Write(name, r)
		s.left--
	}
	return s.err
}

// WriteBytes writes the data of the next declared tensor.
func (s *ShardWriter) WriteBytes(name string, data []byte) error {
	return s.Write(name, bytes.NewReader(data))
}

// Close finishes the last shard and writes the index. It fails when tensors
// are missing. Files of a failed writer stay and are the caller's to remove.
func (s *ShardWriter) Close() error {
	if s.file == nil {
		return s.err
	}
	err := s.err
	if err == nil {
		err = s.finish()
	} else {
		s.file.Close()
	}
	if err == nil && s.at+1 < len(s.shards) {
		err = fmt.Errorf("safetensors: %d of %d shards written", s.at+1, len(s.shards))
	}
	if err == nil && len(s.shards) > 1 {
		err = s.writeIndex()
	}
	s.file, s.err = nil, errors.New("safetensors: writer is closed")
	return err
}

// open starts shard s.at.
func (s *ShardWriter) open() (err error) {
	if err := s.create(s.name(s.at)); err != nil {
		return err
	}
	s.left = len(s.shards[s.at].Tensors)
	if s.w, err = NewWriter(s.buf, s.shards[s.at]); err != nil {
		return errors.Join(err, s.file.Close())
	}
	return nil
}

func (s *ShardWriter) create(name string) (err error) {
	s.file, err = os.OpenFile(filepath.Join(s.dir, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	s.buf = bufio.NewWriterSize(s.file, 1<<20)
	return err
}

// finish completes the current shard.
func (s *ShardWriter) finish() error {
	err := s.w.Close()
	if err == nil {
		err = s.flush()
	}
	return errors.Join(err, s.file.Close())
}

func (s *ShardWriter) flush() error {
	if err := s.buf.Flush(); err != nil {
		return err
	}
	return s.file.Sync()
}

// writeIndex writes the index in the form that Python's json.dumps gives it
// with indent 2 and sorted keys.
func (s *ShardWriter) writeIndex() error {
	file := map[string]string{}
	var names []string
	for i, o := range s.shards {
		for _, t := range o.Tensors {
			file[t.Name] = s.name(i)
			names = append(names, t.Name)
		}
	}
	sort.Strings(names)
	if err := s.create(IndexName); err != nil {
		return err
	}
	b := []byte("{\n  \"metadata\": {\n    \"total_size\": ")
	b = append(strconv.AppendInt(b, s.total, 10), "\n  },\n  \"weight_map\": {"...)
	for i, name := range names {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendQuoted(append(b, "\n    "...), name), ": "...)
		b = appendQuoted(b, file[name])
	}
	b = append(b, "\n  }\n}\n"...)
	_, err := s.buf.Write(b)
	if err == nil {
		err = s.flush()
	}
	return errors.Join(err, s.file.Close())
}
