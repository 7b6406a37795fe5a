package safetensors

import (
	"errors"
	"fmt"

	"github.com/tessera-llm/tessera/internal/folder"
	"github.com/tessera-llm/tessera/internal/mmap"
	"github.com/tessera-llm/tessera/pkg/tensor"
)

// File is an open file, or all shards of an index. It implements
// tensor.Source.
type File struct {
	shards   []*shard
	index    []byte // text of the index file, nil for a single file
	infos    []tensor.Info
	byName   map[string]place
	unmapped []tensor.Info
}

type shard struct {
	m    *mmap.Mapping
	head *Header
}

// place says where a tensor is listed.
type place struct{ info, shard int }

var _ tensor.Source = (*File)(nil)

// Shard describes one file of a File.
type Shard struct {
	Path string
	*Header
}

// Open maps a single file.
func Open(path string) (*File, error) {
	f := &File{byName: map[string]place{}}
	s, err := openShard(path)
	if err != nil {
		return nil, err
	}
	f.shards = []*shard{s}
	for _, info := range s.head.Tensors {
		f.add(info, 0)
	}
	return f, nil
}

// openShard maps and parses one file.
func openShard(path string) (*shard, error) {
	m, err := mmap.Map(path)
	if err != nil {
		return nil, err
	}
	s := &shard{m: m}
	err = mmap.Guard(func() (err error) {
		s.head, err = parse(m.Data)
		return err
	})
	if errors.Is(err, folder.ErrPointer) {
		err = folder.PointerError(path)
	} else if err != nil {
		err = fmt.Errorf("%s: %w", path, err)
	}
	if err != nil {
		return nil, errors.Join(err, m.Close())
	}
	for i := range s.head.Tensors {
		s.head.Tensors[i].File = path
	}
	return s, nil
}

func (f *File) add(info tensor.Info, shard int) {
	f.byName[info.Name] = place{len(f.infos), shard}
	f.infos = append(f.infos, info)
}

// Metadata returns __metadata__; of several shards that of each in turn, equal
// entries once.
func (f *File) Metadata() []tensor.KV {
	var all []tensor.KV
	seen := map[tensor.KV]bool{}
	for _, s := range f.shards {
		for _, kv := range s.head.Metadata {
			if !seen[kv] {
				seen[kv] = true
				all = append(all, kv)
			}
		}
	}
	return all
}

// Tensors lists the tensors in the order of their data, shard after shard.
func (f *File) Tensors() []tensor.Info { return append([]tensor.Info(nil), f.infos...) }

// Unmapped lists tensors that a shard holds without being mapped to it by the
// index. They are no part of the model.
func (f *File) Unmapped() []tensor.Info { return append([]tensor.Info(nil), f.unmapped...) }

// Tensor returns a view of the named tensor.
func (f *File) Tensor(name string) (tensor.Tensor, error) {
	at, ok := f.byName[name]
	if !ok {
		return tensor.Tensor{}, fmt.Errorf("%s: tensor %q: %w", f.shards[0].m.Path, name, tensor.ErrNotFound)
	}
	info := f.infos[at.info]
	t := tensor.Tensor{Info: info, Data: []byte{}}
	if info.Bytes > 0 {
		data := f.shards[at.shard].m.Data
		if data == nil {
			return tensor.Tensor{}, fmt.Errorf("%s: tensor %q: file is closed", info.File, name)
		}
		t.Data = data[info.Off : info.Off+info.Bytes : info.Off+info.Bytes]
	}
	return t, nil
}

// Shards describes the files, in order.
func (f *File) Shards() []Shard {
	all := make([]Shard, len(f.shards))
	for i, s := range f.shards {
		all[i] = Shard{s.m.Path, s.head}
	}
	return all
}

// IndexText is the index file as read; nil when a single file was opened.
func (f *File) IndexText() []byte { return f.index }

// Advise hints how the data of the named tensor will be read next.
func (f *File) Advise(name string, a mmap.Advice) {
	if at, ok := f.byName[name]; ok {
		f.shards[at.shard].m.Advise(f.infos[at.info].Off, f.infos[at.info].Bytes, a)
	}
}

// Unchanged fails when a file was modified since Open.
func (f *File) Unchanged() error {
	for _, s := range f.shards {
		if err := s.m.Unchanged(); err != nil {
			return err
		}
	}
	return nil
}

// Close unmaps all files; tensor data must not be touched afterwards.
func (f *File) Close() error {
	var errs []error
	for _, s := range f.shards {
		errs = append(errs, s.m.Close())
	}
	return errors.Join(errs...)
}
