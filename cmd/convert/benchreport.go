package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/tessera-llm/tessera/internal/progress"
	"github.com/tessera-llm/tessera/pkg/bench"
	"github.com/tessera-llm/tessera/runtime"
	"github.com/tessera-llm/tessera/runtime/cpu"
)

var benchFormats = []string{"table", "md", "csv", "json"}

// benchRow is a row with what it was measured on.
type benchRow struct {
	Model   string        `json:"model"`
	Arch    string        `json:"arch"`
	Weights bench.Weights `json:"weights"`
	Backend string        `json:"backend"`
	bench.Row
	scaling
}

// benchReport prints rows as they come; JSON, and op times, at the end.
type benchReport struct {
	Machine cpu.Machine `json:"machine"`
	Limits  *cpu.Limits `json:"limits,omitempty"` // with the most threads
	// LimitsBy holds those of every thread count in the order given.
	LimitsBy []cpu.Limits `json:"limits_by_threads,omitempty"`
	Rows     []benchRow   `json:"rows"`

	format  string
	scaling bool
	w       io.Writer
	begun   bool
	csv     *csv.Writer
}

func (b *benchReport) add(r benchRow) error {
	if b.scaling {
		r.scaling = scalingOf(&r, b.Rows)
		b.limitThreads(&r)
		b.roofline(&r)
	}
	b.Rows = append(b.Rows, r)
	if !b.begun {
		b.begun = true
		b.begin()
	}
	switch b.format {
	case "csv":
		b.csv.Write([]string{b.Machine.Name, b.Machine.Tier, r.Model, r.Weights.Type, fmt.Sprint(r.Weights.Bytes), fmt.Sprint(r.Weights.Elements), r.Backend, fmt.Sprint(r.Threads), r.KVType,
			fmt.Sprint(r.Prompt), fmt.Sprint(r.Gen), fmt.Sprint(r.Depth), fmt.Sprint(r.Sessions), fmt.Sprint(r.StateBytes), r.Test, fmt.Sprintf("%.4f", r.Speed), fmt.Sprintf("%.4f", r.StdDev), r.Error})
		b.csv.Flush()
		return b.csv.Error()
	case "json":
		return nil
	}
	speed := fmt.Sprintf("%.2f ± %.2f", r.Speed, r.StdDev)
	if r.Error != "" {
		speed = "error: " + r.Error
	}
	cells := []string{oneLine(r.Model), oneLine(r.Weights.Type), progress.Bytes(r.Weights.Bytes), r.Backend, fmt.Sprint(r.Threads), r.Test, speed}
	if b.scaling {
		cells = append(cells, times(r.OfFirstPrompt), r.threadsText(), percent(r.OfRoofline))
	}
	b.line(cells...)
	return nil
}

// begin prints the machine and the names of the columns.
func (b *benchReport) begin() {
	switch b.format {
	case "csv":
		b.csv = csv.NewWriter(b.w)
		b.csv.Write([]string{"cpu", "tier", "model", "type", "bytes", "elements", "backend", "threads", "kv_type", "n_prompt", "n_gen", "n_depth", "n_sessions", "state_bytes", "test", "tokens_per_second", "tokens_per_second_sd", "error"})
	case "table", "md":
		fmt.Fprintf(b.w, "%s, %d cores, tier %s\n", b.Machine.Name, b.Machine.Cores, b.Machine.Tier)
		for _, l := range b.LimitsBy {
			fmt.Fprintf(b.w, "limits with %d threads: int8 %.0f Gop/s, f32 %.0f Gop/s, read %.1f GB/s\n", l.Threads, l.DotGOPS, l.FMAGF, l.ReadGBs)
		}
		fmt.Fprintln(b.w)
		names, rule := []string{"model", "type", "size", "backend", "threads", "test", "t/s"}, "| --- | --- | ---: | --- | ---: | --- | ---: |"
		if b.scaling {
			names, rule = append(names, "of first -p", "of first --threads", "of roofline"), rule+" ---: | ---: | ---: |"
		}
		b.line(names...)
		if b.format == "md" {
			fmt.Fprintln(b.w, rule)
		}
	}
}

func (b *benchReport) line(cells ...string) {
	if b.format == "md" {
		fmt.Fprintf(b.w, "| %s |\n", strings.Join(cells, " | "))
		return
	}
	line := fmt.Sprintf("%-24s %-14s %9s  %-9s %7s  %-18s %-18s", cells[0], cells[1], cells[2], cells[3], cells[4], cells[5], cells[6])
	for _, c := range cells[7:] {
		line += fmt.Sprintf(" %18s", c)
	}
	fmt.Fprintln(b.w, strings.TrimRight(line, " "))
}

// end prints what waits for the end. It fails when a row did.
func (b *benchReport) end() error {
	switch b.format {
	case "json":
		e := json.NewEncoder(b.w)
		e.SetIndent("", " ")
		if err := e.Encode(b); err != nil {
			return err
		}
	case "table", "md":
		for _, r := range b.Rows {
			b.ops(&r)
		}
	}
	for _, r := range b.Rows {
		if r.Error != "" {
			return errFound
		}
	}
	return nil
}

func (b *benchReport) ops(r *benchRow) {
	if len(r.Ops) == 0 {
		return
	}
	head, row := "\n%s, %s, %d threads, per repetition:\n%-34s %9s %10s %6s %9s %9s\n", "%-34s %9s %10s %6s %9s %9s\n"
	if b.format == "md" {
		head, row = "\n%s, %s, %d threads, per repetition:\n\n| %s | %s | %s | %s | %s | %s |\n| --- | ---: | ---: | ---: | ---: | ---: |\n", "| %s | %s | %s | %s | %s | %s |\n"
	}
	fmt.Fprintf(b.w, head, oneLine(r.Model), r.Test, r.Threads, "op", "calls", "ms", "%", "GB/s", "Gop/s")
	for _, o := range r.Ops {
		fmt.Fprintf(b.w, row, o.Kind, fmt.Sprintf("%.0f", o.Calls), fmt.Sprintf("%.3f", o.Millis), fmt.Sprintf("%.1f", o.Percent), rate(o.GBs), rate(o.GOPS))
	}
}

// rate prints nothing for a rate that says nothing.
func rate(x float64) string {
	if x == 0 {
		return ""
	}
	return fmt.Sprintf("%.3g", x)
}

// allWeights is the data of every weight of p that can be read, once each.
func allWeights(p *runtime.Program) [][]byte {
	var all [][]byte
	seen := map[*byte]bool{}
	for _, s := range p.Segments {
		for _, w := range s.Graph.Weights {
			if data, err := p.Weights.Bytes(s.Name, w); err == nil && len(data) > 0 && !seen[&data[0]] {
				seen[&data[0]] = true
				all = append(all, data)
			}
		}
	}
	return all
}
