// Package cache keeps bundles that commands made of checkpoints, so that
// running a checkpoint converts it once.
//
// A bundle lies under a key over content and options: the checkpoint's
// fingerprint, the format's version, the program's revision, the names of the
// passes, the target's table and every option that changes bytes. While one
// process makes it others wait. When the cache grows beyond its limit the bundles
// used longest ago are removed; one that another process has open keeps working,
// since its files stay mapped.
//
// Only names that are keys are ever touched: whatever else lies in the folder
// stays.
//
// Start with Get, then store.go.
package cache

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/tessera-llm/tessera/internal/filelock"
	"github.com/tessera-llm/tessera/pkg/convert"
	"github.com/tessera-llm/tessera/pkg/format"
	"github.com/tessera-llm/tessera/pkg/passes"
	"github.com/tessera-llm/tessera/pkg/target"
)

// DefaultLimit is the size of the cache when nothing else is said.
const DefaultLimit = 32 << 30

// Cache is a folder of bundles.
type Cache struct {
	Dir   string
	Limit int64 // bytes
}

// Default is the cache in $TESSERA_CACHE, or in the user's cache folder, of
// $TESSERA_CACHE_LIMIT bytes.
func Default() (*Cache, error) {
	c := &Cache{Dir: os.Getenv("TESSERA_CACHE"), Limit: DefaultLimit}
	if c.Dir == "" {
		d, err := os.UserCacheDir()
		if err != nil {
			return nil, fmt.Errorf("no folder for the cache (%w): set TESSERA_CACHE, or use --no-cache", err)
		}
		c.Dir = filepath.Join(d, "tessera")
	}
	if s := os.Getenv("TESSERA_CACHE_LIMIT"); s != "" {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil || n < 0 {
			return nil, fmt.Errorf("TESSERA_CACHE_LIMIT=%q: want a number of bytes", s)
		}
		c.Limit = n
	}
	return c, nil
}

// Key names the bundle of a plan.
func Key(p *convert.Plan) (string, error) {
	print, err := p.Checkpoint.Fingerprint()
	if err != nil {
		return "", err
	}
	text, err := json.Marshal(struct {
		Version   int
		Program   string
		Print     string
		Type      string
		Passes    []string
		Targets   []*target.Target
		Parts     int
		Disable   []string
		StopAfter string
		Plain     bool
		Requant   bool
		Ignore    []string
	}{format.Version, revision(), print, p.Options.Type.String(), passes.Names(), p.Options.Targets, p.Options.DecoderParts, p.Options.Disable, p.Options.StopAfter, p.Options.NoTokenizer, p.Options.Requantise, p.Options.IgnoreKeys})
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:12]), nil
}

// revision names the code that converts, as far as the build tells.
func revision() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	rev := info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			rev = s.Value
		}
	}
	return rev
}

// Get returns the path of the plan's bundle and makes it if need be. waiting,
// when set, is called once if another process is making it.
func (c *Cache) Get(ctx context.Context, p *convert.Plan, o convert.WriteOptions, waiting func()) (string, error) {
	key, err := Key(p)
	if err != nil {
		return "", err
	}
	path := filepath.Join(c.Dir, key)
	if c.ready(path) {
		return path, nil
	}
	if err := os.MkdirAll(c.Dir, 0o755); err != nil {
		return "", fmt.Errorf("cache: %w (set TESSERA_CACHE, or use --no-cache)", err)
	}
	lock, err := c.wait(ctx, path+lockSuffix, waiting)
	if err != nil {
		return "", err
	}
	defer lock.Close()
	if c.ready(path) {
		return path, nil
	}
	// What stands there does not open: damaged, or half removed.
	if err := os.RemoveAll(path); err != nil {
		return "", fmt.Errorf("cache: %w", err)
	}
	if err := c.evict(p.Bytes()); err != nil {
		return "", err
	}
	if err := p.Write(ctx, path, o); err != nil {
		return "", fmt.Errorf("cache: %w", err)
	}
	return path, nil
}

// ready reports whether a bundle that opens lies at path, and notes its use.
func (c *Cache) ready(path string) bool {
	b, err := format.Open(path)
	if err != nil {
		return false
	}
	b.Close()
	now := time.Now()
	os.Chtimes(filepath.Join(path, format.ManifestName), now, now)
	return true
}

func (c *Cache) wait(ctx context.Context, path string, waiting func()) (*filelock.Lock, error) {
	for first := true; ; first = false {
		lock, err := filelock.Try(path)
		if !errors.Is(err, filelock.ErrHeld) {
			return lock, err
		}
		if first && waiting != nil {
			waiting()
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}
