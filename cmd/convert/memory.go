package main

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/tessera-llm/tessera/internal/progress"
	"github.com/tessera-llm/tessera/runtime"
	"github.com/tessera-llm/tessera/runtime/cpu"
)

// units of sizes, as progress.Bytes prints them and in powers of two.
var units = []struct {
	name string
	size int64
}{{"", 1}, {"K", 1e3}, {"M", 1e6}, {"G", 1e9}, {"T", 1e12}, {"KI", 1 << 10}, {"MI", 1 << 20}, {"GI", 1 << 30}, {"TI", 1 << 40}}

// parseSize reads "500M", "4GB", "2GiB" or a plain number of bytes; "" is 0.
func parseSize(s string) (int64, error) {
	if s == "" {
		return 0, nil
	}
	digits := strings.TrimRight(s, "kKmMgGtTiIbB")
	unit := strings.TrimSuffix(strings.ToUpper(s[len(digits):]), "B")
	n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
	for _, u := range units {
		if err == nil && u.name == unit && n >= 1 && n <= (1<<62)/u.size {
			return n * u.size, nil
		}
	}
	return 0, fmt.Errorf("%.20q, want a size such as 500M, 4G or 2GiB", s)
}

// checkMemory refuses a size that is none before anything is opened.
func checkMemory(c *cli.Context, s string) error {
	if n, err := parseSize(s); err != nil || n == 0 {
		return usage(c, "--max-memory: %.20q, want a size such as 500M, 4G or 2GiB", s)
	}
	return nil
}

// maxMemory is --max-memory, which checkMemory has seen; 0 without it.
func maxMemory(c *cli.Context) int64 {
	n, _ := parseSize(c.String("max-memory"))
	return n
}

// memoryLoads are the columns of the table of inspect and --plan, for a model whose
// context has that many positions.
func memoryLoads(context int) []runtime.Load {
	most := min(runtime.DefaultContext, cmp.Or(context, runtime.DefaultContext))
	var all []runtime.Load
	for _, n := range []int{512, 2048} {
		if n < most {
			all = append(all, runtime.Load{Sessions: 1, Positions: n})
		}
	}
	all = append(all, runtime.Load{Sessions: 1, Positions: most}, runtime.Load{Sessions: 8, Positions: most})
	if context > most {
		all = append(all, runtime.Load{Sessions: 1, Positions: context})
	}
	return all
}

// memoryOf is what p takes with the default options at those loads. A model that this
// program cannot run has no sum, but an error.
func memoryOf(c *cli.Context, p *runtime.Program, target string) (all []runtime.Memory, o runtime.Options, err error) {
	e, err := engineOf(c, target)
	if err != nil {
		return nil, o, err
	}
	o = runtime.Options{Backend: e.Backend, Threads: cpu.DefaultThreads()}
	for _, l := range memoryLoads(p.Meta.ContextLength) {
		m, err := p.Memory(o, l)
		if err != nil {
			return nil, o, err
		}
		all = append(all, m)
	}
	return all, o, nil
}

// memoryJSON is the table for machines.
type memoryJSON struct {
	Memory []runtime.Memory `json:"memory,omitempty"`
	Error  string           `json:"memory_error,omitempty"`
}

func memoryForJSON(c *cli.Context, p *runtime.Program, target string) memoryJSON {
	all, _, err := memoryOf(c, p, target)
	if err != nil {
		return memoryJSON{Error: err.Error()}
	}
	return memoryJSON{Memory: all}
}

// sayMemory prints the table for people.
func sayMemory(c *cli.Context, p *runtime.Program, target string) {
	all, o, err := memoryOf(c, p, target)
	if err != nil {
		say("memory      cannot be told: %v\n", err)
		return
	}
	say("memory      at most, with %d threads, steps of %d tokens, cache %s\n", o.Threads, all[0].Chunk, p.Meta.KVType)
	say("%-18s", "sessions × tokens")
	for _, m := range all {
		say(" %12s", fmt.Sprintf("%d × %d", m.Sessions, m.Positions))
	}
	say("\n")
	row := func(name string, bytes func(m *runtime.Memory) int64) {
		if bytes(&all[len(all)-1]) == 0 {
			return
		}
		say("  %-16s", name)
		for i := range all {
			say(" %12s", progress.Bytes(bytes(&all[i])))
		}
		say("\n")
	}
	for i, part := range all[0].Parts() {
		row(part.Name, func(m *runtime.Memory) int64 { return m.Parts()[i].Bytes })
	}
	row("sum", func(m *runtime.Memory) int64 { return m.Sum })
}
