package digests

import (
	"bufio"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tessera-llm/tessera/internal/testutil"
)

// digests are those of a row: of the first tokens' logits and of all.
type digests struct {
	few, all string
	tokens   int // of all; fewer than 300 where the context is shorter
}

func (d digests) String() string { return fmt.Sprintf("%d=%s %d=%s", few, d.few, d.tokens, d.all) }

// table is testdata/digests.txt: comment lines, then a line per row, sorted.
type table struct {
	head []string
	rows map[row]digests
}

func tablePath() string { return filepath.Join(testutil.Root(), "testdata", "digests.txt") }

func readTable() (*table, error) {
	data, err := os.ReadFile(tablePath())
	if err != nil {
		return nil, err
	}
	return parseTable(string(data))
}

func parseTable(text string) (*table, error) {
	t := &table{rows: map[row]digests{}}
	lines := bufio.NewScanner(strings.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		line := lines.Text()
		if line == "" || line[0] == '#' {
			t.head = append(t.head, line)
			continue
		}
		f := strings.Fields(line)
		if len(f) != 6 {
			return nil, fmt.Errorf("line %d has %d words, want 6: %s", n, len(f), line)
		}
		r := row{f[0], f[1], f[2], f[3]}
		var d digests
		var first int
		if _, err := fmt.Sscanf(f[4]+" "+f[5], "%d=%s %d=%s", &first, &d.few, &d.tokens, &d.all); err != nil || first != few {
			return nil, fmt.Errorf("line %d: %q are no digests", n, f[4]+" "+f[5])
		}
		if _, twice := t.rows[r]; twice {
			return nil, fmt.Errorf("line %d: row %s stands twice", n, r)
		}
		t.rows[r] = d
	}
	return t, lines.Err()
}

// text is the file's content.
func (t *table) text() string {
	var b strings.Builder
	for _, h := range t.head {
		b.WriteString(h + "\n")
	}
	keys := slices.SortedFunc(maps.Keys(t.rows), func(a, b row) int { return strings.Compare(a.String(), b.String()) })
	for _, r := range keys {
		fmt.Fprintf(&b, "%s %s\n", r, t.rows[r])
	}
	return b.String()
}

func (t *table) write() error { return os.WriteFile(tablePath(), []byte(t.text()), 0o666) }
