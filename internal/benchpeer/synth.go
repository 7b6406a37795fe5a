package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// synth makes the models of all shapes and types that are not there, and
// returns their paths. Our bundles go beside them.
func (o *options) synth(ctx context.Context) ([]string, error) {
	dir, err := filepath.Abs(o.dir)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	if os.Getenv("TESSERA_CACHE") == "" {
		if err := os.Setenv("TESSERA_CACHE", filepath.Join(dir, "cache")); err != nil {
			return nil, err
		}
	}
	var all []string
	for _, shape := range o.shapes {
		for _, typ := range o.types {
			path := filepath.Join(dir, shape+"-"+typ+".gguf")
			all = append(all, path)
			if _, err := os.Stat(path); err == nil {
				continue
			}
			fmt.Fprintf(os.Stderr, "making %s\n", path)
			part := filepath.Join(dir, "part-"+shape+"-"+typ+".gguf")
			cmd := exec.CommandContext(ctx, o.ours, "synth", shape, "--type", typ, "-o", part)
			cmd.Stderr = os.Stderr
			if err := cmd.Run(); err != nil {
				os.Remove(part)
				return nil, fmt.Errorf("synth %s --type %s: %w", shape, typ, err)
			}
			if err := os.Rename(part, path); err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}
