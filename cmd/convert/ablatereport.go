package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/tessera-llm/tessera/internal/progress"
	"github.com/tessera-llm/tessera/pkg/bench"
	"github.com/tessera-llm/tessera/runtime/cpu"
)

// ablateReport prints rows as they come; JSON at the end.
type ablateReport struct {
	Machine cpu.Machine      `json:"machine"`
	Model   string           `json:"model"`
	Weights bench.Weights    `json:"weights"`
	Threads int              `json:"threads"`
	Rounds  int              `json:"rounds"`
	Depth   int              `json:"n_depth"`
	Rows    []bench.Ablation `json:"passes"`

	format string
	w      io.Writer
	begun  bool
}

func (r *ablateReport) add(a bench.Ablation) error {
	r.Rows = append(r.Rows, a)
	if r.format == "json" {
		return nil
	}
	if !r.begun {
		r.begun = true
		fmt.Fprintf(r.w, "%s, %d cores, tier %s\n%s %s, %d threads, medians of %d rounds, each beside all passes\n\n",
			r.Machine.Name, r.Machine.Cores, r.Machine.Tier, oneLine(r.Model), oneLine(r.Weights.Type), r.Threads, r.Rounds)
		r.line("without", "test", "all passes t/s", "without t/s", "lost", "weights")
		if r.format == "md" {
			fmt.Fprintln(r.w, "| --- | --- | ---: | ---: | ---: | ---: |")
		}
	}
	name := a.Pass
	if len(a.Also) > 0 {
		name += " (so also " + strings.Join(a.Also, ", ") + ")"
	}
	if a.Note != "" {
		r.line(name, a.Note, "", "", "", "")
	}
	extra := ""
	if a.Extra > 0 {
		extra = "+" + progress.Bytes(a.Extra)
	} else if a.Extra < 0 {
		extra = "-" + progress.Bytes(-a.Extra)
	}
	for _, l := range a.Losses {
		what := l.Test
		if whole := fmt.Sprintf("%d", l.Length); !strings.HasPrefix(what[2:]+" ", whole+" ") {
			what += " (" + whole + " of them)"
		}
		r.line(name, what, fmt.Sprintf("%.2f", l.Full), fmt.Sprintf("%.2f", l.Without), fmt.Sprintf("%.1f %%", 100*l.Lost), extra)
	}
	return nil
}

func (r *ablateReport) line(cells ...string) {
	if r.format == "md" {
		fmt.Fprintf(r.w, "| %s |\n", strings.Join(cells, " | "))
		return
	}
	fmt.Fprintln(r.w, strings.TrimRight(fmt.Sprintf("%-46s %-30s %14s %12s %8s %10s", cells[0], cells[1], cells[2], cells[3], cells[4], cells[5]), " "))
}

func (r *ablateReport) end() error {
	if r.format != "json" {
		return nil
	}
	e := json.NewEncoder(r.w)
	e.SetIndent("", " ")
	return e.Encode(r)
}
