package main

import (
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/tessera-llm/tessera/pkg/target"
	"github.com/tessera-llm/tessera/pkg/verify"
	"github.com/tessera-llm/tessera/runtime/backend"
	"github.com/tessera-llm/tessera/runtime/cpu"
	"github.com/tessera-llm/tessera/runtime/reference"
)

type namedBackend struct {
	backend.Backend
	note  string
	judge verify.Judge // of what the backend promises
}

// backends are what --backend offers, the default first.
var backends = []namedBackend{
	{cpu.Backend{}, "", verify.Bits},
	{reference.Backend{}, " (float64, slow)", verify.Bits},
}

// backendNames lists the backends for help and errors.
func backendNames(notes bool) string {
	names := make([]string, len(backends))
	for i, b := range backends {
		names[i] = b.Name()
		if notes {
			names[i] += b.note
		}
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " or " + names[last]
}

// pickBackend is the backend that the flags choose.
func pickBackend(c *cli.Context) (backend.Backend, error) {
	name := c.String("backend")
	for _, b := range backends {
		if b.Name() == name || name == "" {
			return b.Backend, nil
		}
	}
	return nil, usage(c, "--backend %q: want %s", name, backendNames(false))
}

// engineOf is the backend that executes graphs for a target, with its judge.
func engineOf(c *cli.Context, target string) (verify.Engine, error) {
	for _, b := range backends {
		if b.Target() == target {
			return verify.Engine{Backend: b.Backend, Judge: b.judge}, nil
		}
	}
	return verify.Engine{}, usage(c, "--target %s: no backend of this program runs its graphs", target)
}

// oneTarget is --target where it chooses the graphs of a bundle: "" is the
// bundle's first.
func oneTarget(c *cli.Context) (string, error) {
	name := c.String("target")
	switch _, err := target.Lookup(name); {
	case name == "" && !c.IsSet("target"):
		return "", nil
	case strings.Contains(name, ","):
		return "", usage(c, "--target %s: want one target", name)
	case err != nil:
		return "", usage(c, "--target: %w", err)
	}
	return name, nil
}

// targets are those of --target, else the one that the chosen backend runs.
func targets(c *cli.Context) ([]*target.Target, error) {
	names := c.String("target")
	if names == "" && !c.IsSet("target") {
		b, err := pickBackend(c)
		if err != nil {
			return nil, err
		}
		if names = b.Target(); names == "" {
			names = target.CPU.Name
		}
	}
	var ts []*target.Target
	for name := range strings.SplitSeq(names, ",") {
		t, err := target.Lookup(strings.TrimSpace(name))
		if err != nil {
			return nil, usage(c, "--target: %w", err)
		}
		ts = append(ts, t)
	}
	return ts, nil
}
