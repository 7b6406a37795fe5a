package safetensors

import (
	"errors"
	"fmt"
	"path/filepath"
	"sort"

	"github.com/tessera-llm/tessera/internal/folder"
	"github.com/tessera-llm/tessera/internal/jsonscan"
)

// IndexName is the usual name of an index file.
const IndexName = "model.safetensors.index.json"

// mapping is one entry of a weight_map.
type mapping struct{ tensor, file string }

// OpenIndex opens every shard that the index at path names. metadata.total_size
// is not looked at: it is often wrong in published models.
func OpenIndex(path string) (*File, error) {
	text, err := folder.Read(path, MaxIndex)
	if err != nil {
		return nil, err
	}
	weights, err := parseIndex(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	f := &File{byName: map[string]place{}, index: text}
	if err := f.openShards(path, weights); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// parseIndex returns the weight_map in file order.
func parseIndex(text []byte) ([]mapping, error) {
	var weights []mapping
	s := jsonscan.New(text)
	err := s.Object(func(key string) error {
		if key != "weight_map" {
			return s.Skip()
		}
		return s.Object(func(name string) error {
			file, err := s.String()
			if err == nil {
				err = folder.CheckName(file)
			}
			if err != nil {
				return fmt.Errorf("weight_map %.200q: %w", name, err)
			}
			weights = append(weights, mapping{name, file})
			return nil
		})
	})
	if err == nil {
		err = s.End()
	}
	if err == nil && len(weights) == 0 {
		err = fmt.Errorf("no weight_map, or an empty one")
	}
	return weights, err
}

// openShards opens the files of the map, in the order of their names, and
// checks that each holds what is mapped to it.
func (f *File) openShards(path string, weights []mapping) error {
	dir, base := filepath.Split(path)
	dir = filepath.Clean(dir + ".")
	number := map[string]int{} // of a shard, by file name
	for _, w := range weights {
		number[w.file] = 0
	}
	if len(number) > MaxShards {
		return fmt.Errorf("%s: weight_map names %d files, at most %d are allowed", path, len(number), MaxShards)
	}
	names := make([]string, 0, len(number))
	for name := range number {
		names = append(names, name)
	}
	sort.Strings(names)
	for i, name := range names {
		number[name] = i
		if name == base {
			return fmt.Errorf("%s: weight_map names the index itself", path)
		}
		file, err := folder.Resolve(dir, name)
		if err != nil {
			return fmt.Errorf("%s: shard %d of %d: %w", path, i+1, len(names), err)
		}
		s, err := openShard(file)
		if err != nil {
			return err
		}
		f.shards = append(f.shards, s)
	}
	return f.match(path, weights, number)
}

// match compares the map with the shards, both ways.
func (f *File) match(path string, weights []mapping, number map[string]int) error {
	want := make(map[string]int, len(weights))
	for _, w := range weights {
		want[w.tensor] = number[w.file]
	}
	for n, s := range f.shards {
		for _, info := range s.head.Tensors {
			if shard, ok := want[info.Name]; ok && shard == n {
				f.add(info, n)
			} else {
				f.unmapped = append(f.unmapped, info)
			}
		}
	}
	for _, w := range weights {
		if _, ok := f.byName[w.tensor]; ok {
			continue
		}
		for _, u := range f.unmapped {
			if u.Name == w.tensor {
				return fmt.Errorf("%s: tensor %.200q is indexed in %s, found in %s", path, w.tensor, w.file, filepath.Base(u.File))
			}
		}
		return fmt.Errorf("%s: tensor %.200q is indexed in %s, which does not hold it", path, w.tensor, w.file)
	}
	return nil
}
