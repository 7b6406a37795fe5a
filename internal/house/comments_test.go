package house

import (
	"path"
	"strings"
	"testing"
	"unicode/utf8"
)

// maxColumns is the width of a comment line, a tab counted as four columns.
const maxColumns = 120

// slashed lists the files whose comments begin with slashes, hashed those with #.
var (
	slashed = map[string]bool{".go": true, ".s": true, ".h": true, ".proto": true, ".mod": true}
	hashed  = map[string]bool{".sh": true, ".py": true, "": true} // Makefile, .ci/run
)

// Comment lines are within 120 columns, those of generated files and of the templates
// that write them too.
func TestCommentLines(t *testing.T) {
	seen := map[string]int{}
	for _, f := range everything(t) {
		ext := path.Ext(f)
		if base := path.Base(f); strings.HasPrefix(base, ".") || base == "LICENSE" {
			continue
		}
		if !slashed[ext] && !hashed[ext] || strings.Contains("/"+f, "/testdata/") && ext == "" {
			continue
		}
		n, long := tooWide(string(read(t, f)), hashed[ext])
		seen[ext] += n
		for _, l := range long {
			t.Errorf("%s:%d: a comment line of more than %d columns", f, l, maxColumns)
		}
	}
	for _, ext := range []string{".go", ".s", ".h", ".proto", ".sh", ".py", ""} {
		if seen[ext] == 0 {
			t.Errorf("no comment found in files %q", ext)
		}
	}
}

// tooWide counts the comment lines of a text and gives the numbers of those that are
// too wide.
func tooWide(text string, hash bool) (comments int, wide []int) {
	inside := false // of /* */
	for i, line := range strings.Split(text, "\n") {
		s := strings.TrimSpace(line)
		if hash {
			if !strings.HasPrefix(s, "#") {
				continue
			}
		} else {
			inside = inside || strings.HasPrefix(s, "/*")
			is := inside || strings.HasPrefix(s, "//")
			inside = inside && !strings.Contains(s, "*/")
			if !is {
				continue
			}
		}
		comments++
		if utf8.RuneCountInString(line)+3*strings.Count(line, "\t") > maxColumns {
			wide = append(wide, i+1)
		}
	}
	return comments, wide
}

func TestTooWide(t *testing.T) {
	x := strings.Repeat("é", 118)
	comments, wide := tooWide("//"+x+"\n//"+x+"é\n/* "+x+"\n"+x+"123\n*/ "+x+"\n\t// "+x[:2*114]+"\n"+x+x+"\n", false)
	if comments != 6 || len(wide) != 5 || wide[0] != 2 || wide[4] != 6 {
		t.Errorf("%d comments, too wide are lines %d, want 6 and 2 to 6", comments, wide)
	}
	if comments, wide := tooWide("#"+x+"\n#"+x+"éé\n//"+x+x, true); comments != 2 || len(wide) != 1 || wide[0] != 2 {
		t.Errorf("%d comments, too wide are lines %d, want 2 and 2", comments, wide)
	}
}
