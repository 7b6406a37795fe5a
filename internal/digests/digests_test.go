package digests

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tessera-llm/tessera/runtime/cpu/kernel"
)

var (
	every   = flag.Bool("every", false, "compute every row, not the subset that plain tests do")
	full    = flag.Bool("full", false, "compute every row in every way, however slow")
	update  = flag.Bool("update", false, "add the rows that the table lacks")
	force   = flag.Bool("force", false, "with -update: rewrite rows that differ, too")
	pattern = flag.String("model", "", "only rows whose text contains this")
)

// subset are the rows of plain tests: dims of 24, 32 and 64, a window, biases,
// norms of heads, and the trained model.
var subset = []string{
	"llama3-f32-sharded f32 f16", "llama-f32 q8_0 f32", "mistral-window-f32 f32 f16", "mistral-window-f32 q5_1 f16 s256e32",
	"qwen2-f32 q4_0 f16", "qwen3-bf16-sharded q8_0 q8_0", "qwen3-f32-tied q4_1 f16 s256e32", "war-and-peace q4_k_m q8_0",
}

// tiers lists the tiers of this machine and those it lacks.
func tiers() (have, lack []string) {
	for _, t := range kernel.Available() {
		have = append(have, t.String())
	}
	for t := kernel.Generic; !strings.HasPrefix(t.String(), "tier("); t++ {
		if !slices.Contains(have, t.String()) {
			lack = append(lack, t.String())
		}
	}
	return have, lack
}

// TestDigests computes rows in every way of this machine and compares them with
// the table. Every row is one test, so -run picks some.
func TestDigests(t *testing.T) {
	have, lack := tiers()
	// Standard output, not the log: it is seen when all is well, too.
	fmt.Printf("digests: tiers %s; not run, as this machine lacks them: %s\n", strings.Join(have, " "), strings.Join(lack, " "))
	want, err := readTable()
	if os.IsNotExist(err) && *update {
		want, err = &table{rows: map[row]digests{}}, nil
	}
	if err != nil {
		t.Fatal(err)
	}
	kept := programs{dir: t.TempDir()}
	defer func() {
		if err := kept.close(); err != nil {
			t.Error(err)
		}
	}()
	added, n, start := 0, 0, time.Now()
	for _, r := range rows(t) {
		if !chosen(r) {
			continue
		}
		w, known := want.rows[r]
		if *update && known && !*force {
			continue
		}
		n++
		t.Run(strings.ReplaceAll(r.String(), " ", ","), func(t *testing.T) {
			got, ok := computeRow(t, &kept, r, have)
			switch {
			case !ok:
			case *update:
				want.rows[r] = got
				added++
				if err := want.write(); err != nil { // at once: an interrupted run goes on
					t.Fatal(err)
				}
			case !known:
				t.Errorf("no row in %s: add it with -update", tablePath())
			case got != w:
				t.Errorf("the bits differ:\n got %s\nwant %s", got, w)
			}
		})
	}
	fmt.Printf("digests: %d rows computed in %.0f s\n", n, time.Since(start).Seconds())
	if added > 0 {
		fmt.Printf("digests: %d rows written to %s\n", added, tablePath())
	}
}

func chosen(r row) bool {
	if *pattern != "" {
		return strings.Contains(r.String(), *pattern)
	}
	if testing.Short() && r.model == "war-and-peace" { // under an emulator it takes minutes
		return false
	}
	return *every || *full || *update || slices.ContainsFunc(subset, func(s string) bool { return strings.HasPrefix(r.String(), s) })
}

// computeRow computes r in all its ways, which must agree.
func computeRow(t *testing.T, kept *programs, r row, have []string) (got digests, ok bool) {
	var first way
	for i, w := range ways(r, have, *full) {
		t.Setenv(kernel.TierEnv, w.tier)
		p, err := kept.get(t, r, w.plain)
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		d, err := compute(p, r, w)
		if err != nil {
			t.Fatalf("%s: %v", w, err)
		}
		if testing.Verbose() && time.Since(start) > 3*time.Second {
			t.Logf("%s: %.1f s", w, time.Since(start).Seconds())
		}
		if i == 0 {
			got, first = d, w
		}
		if d.tokens > got.tokens {
			if d.few != got.few {
				t.Errorf("two ways differ in the first %d tokens:\n%s: %s\n%s: %s", few, first, got, w, d)
			}
			got, first = d, w
		}
		if d.few != got.few || d.tokens == got.tokens && d.all != got.all {
			t.Errorf("two ways differ:\n%s: %s\n%s: %s", first, got, w, d)
			ok = false
		}
	}
	return got, !t.Failed()
}

// TestTable: the table is what its writer would write, and it holds the rows
// that the tests compute and no other.
func TestTable(t *testing.T) {
	data, err := os.ReadFile(tablePath())
	if err != nil {
		t.Fatal(err)
	}
	tab, err := parseTable(string(data))
	if err != nil {
		t.Fatal(err)
	}
	if tab.text() != string(data) {
		t.Errorf("%s is not sorted or not in form", tablePath())
	}
	known := map[row]bool{}
	for _, r := range rows(t) {
		known[r] = true
		if _, ok := tab.rows[r]; !ok {
			t.Errorf("the table has no row %s: add it with -update", r)
		}
	}
	for r := range maps.Keys(tab.rows) {
		if !known[r] {
			t.Errorf("no test computes the table's row %s", r)
		}
	}
}
