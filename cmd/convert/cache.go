package main

import (
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/tessera-llm/tessera/internal/progress"
	"github.com/tessera-llm/tessera/pkg/cache"
	"github.com/tessera-llm/tessera/pkg/format"
)

func cacheCommand() *cli.Command {
	return &cli.Command{
		Name:      "cache",
		Usage:     "list or clear the bundles made of checkpoints that were run",
		ArgsUsage: "[list | clear | path]",
		Description: `A checkpoint given to run, bench, logits or perplexity is converted once, into
this cache; the bundles used longest ago go when it is full.

  tessera cache
  tessera cache clear
  TESSERA_CACHE=/big/disk TESSERA_CACHE_LIMIT=100000000000 tessera run model/ -p Hello

TESSERA_CACHE is its folder, TESSERA_CACHE_LIMIT its size in bytes.`,
		Flags: []cli.Flag{jsonFlag},
		Action: func(c *cli.Context) error {
			kept, err := cache.Default()
			if err != nil {
				return err
			}
			if c.NArg() > 1 {
				return usage(c, "%d arguments, want one of list, clear and path", c.NArg())
			}
			switch what := c.Args().First(); what {
			case "", "list":
				return listCache(c, kept)
			case "clear":
				return clearCache(c, kept)
			case "path":
				if c.Bool("json") {
					return json.NewEncoder(os.Stdout).Encode(map[string]any{"path": kept.Dir, "limit": kept.Limit})
				}
				fmt.Println(kept.Dir)
				return nil
			default:
				return usage(c, "%q: want list, clear or path", what)
			}
		},
	}
}

// cachedBundle is one line of the list.
type cachedBundle struct {
	Model string    `json:"model"`
	Type  string    `json:"type"`
	Bytes int64     `json:"bytes"`
	Used  time.Time `json:"used"`
	Path  string    `json:"path"`
}

func listCache(c *cli.Context, kept *cache.Cache) error {
	entries, err := kept.List()
	if err != nil {
		return err
	}
	list := []cachedBundle{}
	var total int64
	for _, e := range entries {
		b := cachedBundle{Model: "?", Type: "?", Bytes: e.Bytes, Used: e.Used, Path: e.Path}
		if o, err := format.Open(e.Path); err == nil {
			b.Model, b.Type = o.Manifest.Meta.Name, o.Manifest.Source.Type
			o.Close()
		}
		list = append(list, b)
		total += e.Bytes
	}
	if c.Bool("json") {
		return json.NewEncoder(os.Stdout).Encode(map[string]any{"path": kept.Dir, "limit": kept.Limit, "bytes": total, "bundles": list})
	}
	for _, b := range list {
		say("%-28s %-8s %10s  used %s  %s\n", b.Model, b.Type, progress.Bytes(b.Bytes), b.Used.Format("2006-01-02 15:04"), b.Path)
	}
	say("%d bundles, %s of at most %s, in %s\n", len(list), progress.Bytes(total), progress.Bytes(kept.Limit), kept.Dir)
	return nil
}

func clearCache(c *cli.Context, kept *cache.Cache) error {
	n, freed, err := kept.Clear()
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return json.NewEncoder(os.Stdout).Encode(map[string]any{"bundles": n, "bytes": freed})
	}
	say("%d bundles removed, %s freed\n", n, progress.Bytes(freed))
	return nil
}
