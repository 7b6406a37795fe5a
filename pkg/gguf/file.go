package gguf

import (
	"errors"
	"fmt"

	"github.com/tessera-llm/tessera/internal/folder"
	"github.com/tessera-llm/tessera/internal/mmap"
	"github.com/tessera-llm/tessera/pkg/tensor"
)

const keyAlignment = "general.alignment"

// File is an open GGUF file or split. It implements tensor.Source.
type File struct {
	head   *header // of the first shard: the metadata
	shards []*shard
	infos  []tensor.Info
	byName map[string]place
}

type shard struct {
	m    *mmap.Mapping
	head *header
}

// place says where a tensor is listed.
type place struct{ info, shard int }

var _ tensor.Source = (*File)(nil)

// Shard describes one file of a File.
type Shard struct {
	Path      string
	Size      int64
	Version   uint32
	Alignment int64
	Tensors   int
	DataStart int64  // offset of the tensor data
	Header    string // the bytes before the padding in front of the data
}

// Open maps path and, when it is the first shard of a split, its siblings in
// the same folder.
func Open(path string) (*File, error) {
	f := &File{byName: map[string]place{}}
	err := mmap.Guard(func() error {
		s, err := openShard(path)
		if err != nil {
			return err
		}
		f.head = s.head
		f.shards = append(f.shards, s)
		return f.openSiblings(path)
	})
	if err == nil {
		err = f.index()
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// openShard maps and parses one file.
func openShard(path string) (*shard, error) {
	m, err := mmap.Map(path)
	if err != nil {
		return nil, err
	}
	h, err := parse(m.Data)
	if errors.Is(err, folder.ErrPointer) {
		err = folder.PointerError(path)
	} else if err != nil {
		err = fmt.Errorf("%s: %w", path, err)
	}
	if err != nil {
		return nil, errors.Join(err, m.Close())
	}
	for i := range h.infos {
		h.infos[i].File = path
	}
	return &shard{m, h}, nil
}

// index lists the tensors of all shards.
func (f *File) index() error {
	for n, s := range f.shards {
		for _, info := range s.head.infos {
			if first, twice := f.byName[info.Name]; twice {
				return fmt.Errorf("%s: tensor %q is also in %s", info.File, info.Name, f.infos[first.info].File)
			}
			f.byName[info.Name] = place{len(f.infos), n}
			f.infos = append(f.infos, info)
		}
	}
	return nil
}

// Metadata returns the scalar metadata as text, in file order.
func (f *File) Metadata() []tensor.KV {
	var kvs []tensor.KV
	for i, key := range f.head.keys {
		if v := f.head.values[i]; v.typ != Array {
			kvs = append(kvs, tensor.KV{Key: key, Value: v.Text()})
		}
	}
	return kvs
}

// Tensors lists the tensors in file order, shard after shard.
func (f *File) Tensors() []tensor.Info { return append([]tensor.Info(nil), f.infos...) }

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
		h := s.head
		all[i] = Shard{Path: s.m.Path, Size: s.m.Size(), Version: h.version, Alignment: h.align,
			Tensors: len(h.infos), DataStart: h.dataStart, Header: h.text}
	}
	return all
}

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
