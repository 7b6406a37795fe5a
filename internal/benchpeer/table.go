package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
)

// report collects rounds and prints one row per model, cache type and test.
type report struct {
	shape map[string]*shape // by model name
	rows  []*row
}

// row is one line of the table. Every figure is a median over rounds.
type row struct {
	Model   string   `json:"model"`
	KV      string   `json:"kv_type"`
	Test    string   `json:"test"`
	Rounds  int      `json:"rounds"`
	Limits  limits   `json:"limits"`
	Bound   string   `json:"bound_by,omitempty"`
	Engines []figure `json:"engines"`        // ours first
	Best    []figure `json:"best,omitempty"` // of every peer with several modes, its fastest

	test   test
	limits []limits
}

// figure is what one engine reached.
type figure struct {
	Engine  string    `json:"engine"`
	Speed   float64   `json:"tokens_per_second,omitempty"`
	OfBound float64   `json:"of_bound,omitempty"` // of what the limits leave
	Ratio   float64   `json:"ratio,omitempty"`    // our speed over this one
	Samples []float64 `json:"samples,omitempty"`
	Error   string    `json:"error,omitempty"`
}

// shapes reads the headers of all models; two of one name would be one row.
func (r *report) shapes(models []string) error {
	r.shape = map[string]*shape{}
	for _, m := range models {
		if r.shape[modelName(m)] != nil {
			return fmt.Errorf("two models are called %s", modelName(m))
		}
		s, err := readShape(m)
		if err != nil {
			return err
		}
		r.shape[modelName(m)] = s
	}
	return nil
}

// add takes a finished round.
func (r *report) add(g *group, x *round) {
	for i, t := range g.tests {
		w := r.row(g, t)
		w.Rounds++
		if x.Engines[0].Error == "" {
			w.limits = append(w.limits, x.Limits)
		}
		for j, e := range x.Engines {
			if j == len(w.Engines) {
				w.Engines = append(w.Engines, figure{Engine: e.Engine})
			}
			f := &w.Engines[j]
			if e.Error != "" {
				f.Error = e.Error
			} else {
				f.Samples = append(f.Samples, e.Speeds[i])
			}
		}
	}
}

func (r *report) row(g *group, t test) *row {
	for _, w := range r.rows {
		if w.Model == g.name() && w.KV == g.KV && w.test == t {
			return w
		}
	}
	w := &row{Model: g.name(), KV: g.KV, Test: t.String(), test: t}
	r.rows = append(r.rows, w)
	return w
}

// finish computes medians, shares and ratios.
func (w *row) finish(s *shape) {
	of := func(get func(limits) float64) float64 {
		var all []float64
		for _, l := range w.limits {
			all = append(all, get(l))
		}
		return median(all)
	}
	w.Limits = limits{of(func(l limits) float64 { return l.Dot }), of(func(l limits) float64 { return l.FMA }), of(func(l limits) float64 { return l.Read })}
	var bound float64
	bound, w.Bound = s.bound(w.test, w.KV, w.Limits)
	for i := range w.Engines {
		f := &w.Engines[i]
		f.Speed = median(f.Samples)
		if bound > 0 {
			f.OfBound = f.Speed / bound
		}
		if i > 0 && f.Speed > 0 {
			f.Ratio = w.Engines[0].Speed / f.Speed
		}
	}
	w.Best = best(w.Engines[1:])
}

// best finds the fastest mode of every peer that has several.
func best(engines []figure) []figure {
	modes := map[string]int{}
	var names []string
	for _, f := range engines {
		name := (&peer{Name: f.Engine}).engine()
		if modes[name]++; modes[name] == 2 {
			names = append(names, name)
		}
	}
	var all []figure
	for _, name := range names {
		top := figure{Engine: name}
		for _, f := range engines {
			if (&peer{Name: f.Engine}).engine() == name && f.Speed > top.Speed {
				top = figure{Engine: name, Speed: f.Speed, OfBound: f.OfBound, Ratio: f.Ratio}
			}
		}
		all = append(all, top)
	}
	return all
}

func (r *report) print(w io.Writer, format string) error {
	for _, x := range r.rows {
		x.finish(r.shape[x.Model])
	}
	if format == "json" {
		e := json.NewEncoder(w)
		e.SetIndent("", " ")
		return e.Encode(r.rows)
	}
	if len(r.rows) == 0 {
		return nil
	}
	return r.markdown(w)
}

// markdown writes "speed (share of the limit)" and our ratio to every peer.
func (r *report) markdown(w io.Writer) error {
	first := r.rows[0]
	head := []string{"model", "cache", "test", "rounds", "limits", oursName}
	for _, f := range slices.Concat(first.Engines[1:], bestOf(first.Best)) {
		head = append(head, f.Engine, "ratio")
	}
	rule := slices.Repeat([]string{"---"}, 3)
	rule = append(rule, slices.Repeat([]string{"---:"}, len(head)-3)...)
	lines := [][]string{head, rule}
	for _, x := range r.rows {
		line := []string{x.Model, x.KV, x.Test, fmt.Sprint(x.Rounds), x.Bound, speedText(&x.Engines[0])}
		for _, f := range slices.Concat(x.Engines[1:], x.Best) {
			ratio := "-"
			if f.Ratio > 0 {
				ratio = fmt.Sprintf("%.2f", f.Ratio)
			}
			line = append(line, speedText(&f), ratio)
		}
		lines = append(lines, line)
	}
	for _, l := range lines {
		if _, err := fmt.Fprintf(w, "| %s |\n", strings.Join(l, " | ")); err != nil {
			return err
		}
	}
	return nil
}

// bestOf names the columns of the best modes.
func bestOf(figures []figure) []figure {
	all := slices.Clone(figures)
	for i := range all {
		all[i].Engine = "best " + all[i].Engine
	}
	return all
}

func speedText(f *figure) string {
	switch {
	case f.Speed == 0:
		return "-"
	case f.OfBound == 0:
		return fmt.Sprintf("%.1f", f.Speed)
	}
	return fmt.Sprintf("%.1f (%.0f %%)", f.Speed, 100*f.OfBound)
}

// median is 0 for nothing.
func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	v = slices.Sorted(slices.Values(v))
	if len(v)%2 == 1 {
		return v[len(v)/2]
	}
	return (v[len(v)/2-1] + v[len(v)/2]) / 2
}
