package uclass

import (
	"testing"
	"unicode"
)

// TestAgainstGo holds the table against Go's: they may differ only where the
// sources of the table are newer (more code points assigned) or documented as
// older.
func TestAgainstGo(t *testing.T) {
	tab := Get()
	pairs := []struct {
		name string
		is   func(rune) bool
		c    Class
	}{
		{"L", unicode.IsLetter, L}, {"Lu", unicode.IsUpper, Lu}, {"Ll", unicode.IsLower, Ll}, {"Lt", unicode.IsTitle, Lt},
		{"M", unicode.IsMark, M}, {"N", unicode.IsNumber, N}, {"P", unicode.IsPunct, P}, {"S", unicode.IsSymbol, S}, {"space", unicode.IsSpace, Space},
	}
	for _, p := range pairs {
		newer := 0
		for r := rune(0); r <= unicode.MaxRune; r++ {
			if r >= 0xD800 && r <= 0xDFFF {
				continue
			}
			got, want := tab.Of(r)&p.c != 0, p.is(r)
			if want && !got && unicode.Version == "15.0.0" {
				t.Fatalf("%s: U+%04X is in Go's table and not in ours", p.name, r)
			}
			if got && !want {
				newer++
			}
		}
		if unicode.Version == "15.0.0" && newer > 5200 {
			t.Errorf("%s: %d code points that Go does not know, want only those of Unicode 16", p.name, newer)
		}
	}
}

// TestOneCategory: the general categories exclude each other.
func TestOneCategory(t *testing.T) {
	tab := Get()
	for r := rune(0); r <= unicode.MaxRune; r++ {
		c := tab.Of(r) & (L | M | N | P | S | Space)
		if c&(c-1) != 0 {
			t.Fatalf("U+%04X has two categories: %016b", r, c)
		}
	}
	if tab.Of(-1) != 0 || tab.Of(unicode.MaxRune+1) != 0 {
		t.Error("a rune out of range has a class")
	}
}

func TestLower(t *testing.T) {
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if r == 0x130 {
			continue
		}
		if g := unicode.ToLower(r); g != r && Lower(r) != g {
			t.Errorf("U+%04X: lower U+%04X, want U+%04X", r, Lower(r), g)
		}
	}
}

func BenchmarkExpand(b *testing.B) {
	for b.Loop() {
		expand()
	}
}
