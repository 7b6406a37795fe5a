package cache

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/tessera-llm/tessera/internal/filelock"
	"github.com/tessera-llm/tessera/pkg/format"
)

// lockSuffix ends the name of the file that whoever makes a bundle holds.
const lockSuffix = ".lock"

// keyLen is the length of a key in hexadecimal digits.
const keyLen = 24

// isKey reports whether name is that of a cached bundle.
func isKey(name string) bool {
	return len(name) == keyLen && strings.Trim(name, "0123456789abcdef") == ""
}

// keyOf finds the key in the name of anything the cache makes: a bundle, its
// lock, or ".KEY.partial-..." of a bundle being written.
func keyOf(name string) (string, bool) {
	name = strings.TrimPrefix(name, ".")
	key, _, _ := strings.Cut(name, ".")
	return key, isKey(key)
}

// Entry is one cached bundle.
type Entry struct {
	Path  string
	Bytes int64
	Used  time.Time
}

// List lists the cached bundles, the one used longest ago first.
func (c *Cache) List() ([]Entry, error) {
	dirs, err := c.names()
	if err != nil {
		return nil, err
	}
	var all []Entry
	for _, name := range dirs {
		path := filepath.Join(c.Dir, name)
		st, err := os.Stat(filepath.Join(path, format.ManifestName))
		if !isKey(name) || err != nil {
			continue
		}
		all = append(all, Entry{Path: path, Used: st.ModTime(), Bytes: size(path)})
	}
	slices.SortStableFunc(all, func(a, b Entry) int { return a.Used.Compare(b.Used) })
	return all, nil
}

// names lists the folder, sorted; nothing when it does not exist.
func (c *Cache) names() ([]string, error) {
	entries, err := os.ReadDir(c.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, err
}

// size sums the files in the folder at path.
func size(path string) int64 {
	files, err := os.ReadDir(path)
	if err != nil {
		return 0
	}
	var n int64
	for _, f := range files {
		if info, err := f.Info(); err == nil {
			n += info.Size()
		}
	}
	return n
}

// evict makes room for need bytes.
func (c *Cache) evict(need int64) error {
	if need > c.Limit {
		return fmt.Errorf("the bundle needs %d MiB, more than the cache's limit of %d MiB: raise TESSERA_CACHE_LIMIT, use --no-cache, or convert it yourself", need>>20, c.Limit>>20)
	}
	all, err := c.List()
	if err != nil {
		return err
	}
	total := need
	for _, e := range all {
		total += e.Bytes
	}
	for _, e := range all {
		if total <= c.Limit {
			break
		}
		if remove(e.Path) == nil {
			total -= e.Bytes
		}
	}
	return nil
}

// remove removes a bundle. The manifest goes first: what is left does not
// open.
func remove(path string) error {
	if err := os.Remove(filepath.Join(path, format.ManifestName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.RemoveAll(path)
}

// Clear removes every bundle that is not being made at the moment, and what
// killed processes left. It returns the number of bundles and the bytes freed.
func (c *Cache) Clear() (bundles int, freed int64, err error) {
	names, err := c.names()
	if err != nil {
		return 0, 0, err
	}
	locks := map[string]*filelock.Lock{}
	for _, name := range names {
		key, ok := keyOf(name)
		if _, seen := locks[key]; !ok || seen {
			continue
		}
		// nil: somebody is making it
		lock, e := filelock.Try(filepath.Join(c.Dir, key+lockSuffix))
		if e != nil && !errors.Is(e, filelock.ErrHeld) {
			err = errors.Join(err, e)
		}
		locks[key] = lock
		if lock != nil {
			defer lock.Remove()
		}
	}
	for _, name := range names {
		key, _ := keyOf(name)
		if locks[key] == nil || name == key+lockSuffix {
			continue
		}
		path := filepath.Join(c.Dir, name)
		n := size(path)
		drop := os.RemoveAll
		if name == key {
			drop = remove
		}
		if e := drop(path); e != nil {
			err = errors.Join(err, e)
			continue
		}
		freed += n
		if name == key {
			bundles++
		}
	}
	return bundles, freed, err
}
