package gguf

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"

	"github.com/tessera-llm/tessera/internal/folder"
)

// Keys of a split.
const (
	keySplitNo      = "split.no"            // u16, from 0
	keySplitCount   = "split.count"         // u16
	keySplitTensors = "split.tensors.count" // i32, over all shards
)

var shardName = regexp.MustCompile(`^(.*)-(\d{5})-of-(\d{5})\.gguf$`)

// ShardPath is the name of shard i (from 0) of n.
func ShardPath(prefix string, i, n int) string {
	return fmt.Sprintf("%s-%05d-of-%05d.gguf", prefix, i+1, n)
}

// openSiblings opens the other shards when the first one belongs to a split.
func (f *File) openSiblings(path string) error {
	no, count, err := f.shards[0].head.splitOf()
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if no != 0 {
		return fmt.Errorf("%s is shard %d of %d of a split model: open the first shard, whose name ends in %s",
			path, no+1, count, ShardPath("", 0, count))
	}
	if count > 1 {
		dir, base := filepath.Split(path)
		name := shardName.FindStringSubmatch(base)
		if name == nil || name[2] != "00001" || name[3] != fmt.Sprintf("%05d", count) {
			return fmt.Errorf("%s is the first of %d shards, but its name does not end in %s: the other shards cannot be found",
				path, count, ShardPath("", 0, count))
		}
		for i := 1; i < count; i++ {
			sibling, err := folder.Resolve(filepath.Clean(dir+"."), ShardPath(name[1], i, count))
			if err != nil {
				return fmt.Errorf("%s: shard %d of %d: %w", path, i+1, count, err)
			}
			if err := f.openSibling(sibling, i, count); err != nil {
				return err
			}
		}
	}
	return f.checkTotal(path, count)
}

// openSibling opens shard i of count and checks that it belongs here.
func (f *File) openSibling(path string, i, count int) error {
	s, err := openShard(path)
	if err != nil {
		return err
	}
	f.shards = append(f.shards, s) // so that Close finds it
	no, n, err := s.head.splitOf()
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if n != count {
		return fmt.Errorf("%s: %s is %d, the first shard says %d", path, keySplitCount, n, count)
	}
	if no != i {
		return fmt.Errorf("%s: %s is %d, its name says %d", path, keySplitNo, no, i)
	}
	for j, key := range s.head.keys {
		if key == keySplitNo || key == keyAlignment {
			continue
		}
		if v, ok := f.head.value(key); ok && v != s.head.values[j] {
			return fmt.Errorf("%s: key %q is %.80s, the first shard says %.80s", path, key, s.head.values[j].Text(), v.Text())
		}
	}
	return nil
}

// splitOf reads split.no and split.count: 0 and 1 when the file is whole.
func (h *header) splitOf() (no, count int, err error) {
	count, ok, err := h.splitInt(keySplitCount, MaxShards)
	if err != nil {
		return 0, 0, err
	}
	no, hasNo, err := h.splitInt(keySplitNo, MaxShards)
	if err != nil {
		return 0, 0, err
	}
	if !ok || count == 0 {
		if hasNo && no != 0 {
			return 0, 0, fmt.Errorf("%s is %d, but %s is absent or 0", keySplitNo, no, keySplitCount)
		}
		return 0, 1, nil
	}
	if !hasNo {
		return 0, 0, fmt.Errorf("%s is %d, but %s is absent", keySplitCount, count, keySplitNo)
	}
	if no >= count {
		return 0, 0, fmt.Errorf("%s is %d, want less than %s, which is %d", keySplitNo, no, keySplitCount, count)
	}
	return no, count, nil
}

func (h *header) splitInt(key string, limit int) (int, bool, error) {
	v, ok := h.value(key)
	if !ok {
		return 0, false, nil
	}
	n, isInt := v.Uint()
	if !isInt || n > uint64(limit) {
		return 0, false, fmt.Errorf("%s is %.40s (%s), want an integer from 0 to %d", key, v.Text(), v.Kind(), limit)
	}
	return int(n), true, nil
}

// checkTotal compares split.tensors.count with what the shards hold.
func (f *File) checkTotal(path string, count int) error {
	total := 0
	for _, s := range f.shards {
		total += len(s.head.infos)
	}
	want, ok, err := f.head.splitInt(keySplitTensors, 1<<31-1)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if !ok && count > 1 {
		return fmt.Errorf("%s: %s is absent", path, keySplitTensors)
	}
	if ok && want != total {
		return fmt.Errorf("%s: %s is %d, the %s hold %d tensors", path, keySplitTensors, want, plural(count, "shard"), total)
	}
	return nil
}

func plural(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return strconv.Itoa(n) + " " + what
}
