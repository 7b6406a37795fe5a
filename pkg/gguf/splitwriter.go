package gguf

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/tessera-llm/tessera/pkg/tensor"
)

// SplitOptions declare a model that is written as shards. A shard is full when
// the next tensor would exceed one of the limits; 0 means no limit, and a
// single tensor may exceed MaxBytes.
type SplitOptions struct {
	Options
	MaxBytes   int64 // of tensor data, padding included
	MaxTensors int
}

// SplitWriter writes the shards of one model, one after the other.
type SplitWriter struct {
	prefix string
	shards []Options
	at     int
	left   int // tensors still to write in shard at
	file   *os.File
	buf    *bufio.Writer
	w      *Writer
	err    error
}

// NewSplitWriter plans the shards. They are created as prefix-00001-of-0000N.gguf
// while tensors are written; existing files are never overwritten.
func NewSplitWriter(prefix string, o SplitOptions) (*SplitWriter, error) {
	shards, err := o.plan()
	if err != nil {
		return nil, fmt.Errorf("gguf: %w", err)
	}
	s := &SplitWriter{prefix: prefix, shards: shards}
	return s, s.open()
}

// Paths lists the files that are written.
func (s *SplitWriter) Paths() []string {
	paths := make([]string, len(s.shards))
	for i := range paths {
		paths[i] = ShardPath(s.prefix, i, len(s.shards))
	}
	return paths
}

// Write copies the next declared tensor from r, as Writer.Write does.
func (s *SplitWriter) Write(name string, r io.Reader) error {
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
func (s *SplitWriter) WriteBytes(name string, data []byte) error {
	return s.Write(name, bytes.NewReader(data))
}

// Close finishes the last shard and syncs it. It fails when tensors are
// missing. Files of a failed writer stay and are the caller's to remove.
func (s *SplitWriter) Close() error {
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
		err = fmt.Errorf("gguf: %d of %d shards written", s.at+1, len(s.shards))
	}
	s.file, s.err = nil, errors.New("gguf: writer is closed")
	return err
}

// open starts shard s.at.
func (s *SplitWriter) open() (err error) {
	path := ShardPath(s.prefix, s.at, len(s.shards))
	if s.file, err = os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666); err != nil {
		return err
	}
	s.buf = bufio.NewWriterSize(s.file, 1<<20)
	s.left = len(s.shards[s.at].Tensors)
	if s.w, err = NewWriter(s.buf, s.shards[s.at]); err != nil {
		return errors.Join(err, s.file.Close())
	}
	return nil
}

// finish completes the current shard.
func (s *SplitWriter) finish() error {
	err := s.w.Close()
	if err == nil {
		err = s.buf.Flush()
	}
	if err == nil {
		err = s.file.Sync()
	}
	return errors.Join(err, s.file.Close())
}

// plan distributes the tensors and adds the split keys.
func (o SplitOptions) plan() ([]Options, error) {
	if o.MaxBytes < 0 || o.MaxTensors < 0 {
		return nil, fmt.Errorf("negative split limit")
	}
	kvs, align, err := o.aligned()
	if err != nil {
		return nil, err
	}
	var parts [][]tensor.Info
	first, used := 0, int64(0)
	for i, t := range o.Tensors {
		n, err := tensor.Bytes(t.Type, t.Shape)
		if err != nil {
			return nil, fmt.Errorf("tensor %q: %w", t.Name, err)
		}
		n = pad(n, align)
		full := o.MaxBytes > 0 && used+n > o.MaxBytes || o.MaxTensors > 0 && i-first >= o.MaxTensors
		if full && i > first {
			parts = append(parts, o.Tensors[first:i])
			first, used = i, 0
		}
		used += n
	}
	parts = append(parts, o.Tensors[first:])
	if len(parts) > MaxShards {
		return nil, fmt.Errorf("%d shards, at most %d are allowed", len(parts), MaxShards)
	}
	shards := make([]Options, len(parts))
	for i, part := range parts {
		split := []KV{{keySplitNo, uint16(i)}, {keySplitCount, uint16(len(parts))}, {keySplitTensors, int32(len(o.Tensors))}}
		if i == 0 {
			split = append(append([]KV(nil), kvs...), split...)
		}
		shards[i] = Options{KV: split, Tensors: part, Alignment: int(align)}
	}
	return shards, unique(o.Tensors)
}

// unique refuses a name in two shards; within one the Writer does.
func unique(all []tensor.Info) error {
	seen := make(map[string]struct{}, len(all))
	for _, t := range all {
		if err := declare(seen, "tensor", t.Name, MaxTensorName); err != nil {
			return err
		}
	}
	return nil
}
