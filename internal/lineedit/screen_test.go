package lineedit

import (
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// screen is a small terminal: what a program writes ends in cells.
type screen struct {
	t      testing.TB
	w, h   int
	cells  [][]string // a wide character fills a cell and an empty one
	x, y   int
	wrap   bool // the cursor stands behind the last column
	joined bool // joined emoji take the cells of one
	held   []byte
	lines  int // scrolled off
	bells  int
}

func newScreen(t testing.TB, w, h int, joined bool) *screen {
	s := &screen{t: t, w: w, h: h, joined: joined}
	for range h {
		s.cells = append(s.cells, emptyRow(w))
	}
	return s
}

func emptyRow(w int) []string {
	l := make([]string, w)
	for i := range l {
		l[i] = " "
	}
	return l
}

func (s *screen) Write(p []byte) (int, error) {
	b := append(s.held, p...)
	for len(b) > 0 {
		n := s.step(b)
		if n == 0 {
			break
		}
		b = b[n:]
	}
	s.held = append([]byte(nil), b...)
	return len(p), nil
}

func (s *screen) step(b []byte) int {
	switch {
	case b[0] == '\a':
		s.bells++
		return 1
	case b[0] == '\r':
		s.x, s.wrap = 0, false
		return 1
	case b[0] == '\n':
		s.down()
		return 1
	case b[0] == 0x1B:
		i := 2
		for i < len(b) && (b[i] < 0x40 || b[i] > 0x7E) {
			i++
		}
		if i >= len(b) {
			return 0
		}
		s.sequence(string(b[2:i]), b[i])
		return i + 1
	case b[0] < 0x20 || b[0] == 0x7F:
		s.t.Errorf("control character %#x reached the screen", b[0])
		return 1
	}
	if !utf8.FullRune(b) {
		return 0
	}
	r, n := utf8.DecodeRune(b)
	s.put(r)
	return n
}

func (s *screen) down() {
	s.wrap = false
	if s.y < s.h-1 {
		s.y++
		return
	}
	s.lines++
	s.cells = append(s.cells[1:], emptyRow(s.w))
}

func (s *screen) put(r rune) {
	w := RuneWidth(r)
	last := s.x - 1
	if s.wrap {
		last = s.x
	}
	for last > 0 && s.cells[s.y][last] == "" {
		last--
	}
	joins := w == 0 || s.joined && last >= 0 && (strings.HasSuffix(s.cells[s.y][last], string(zwj)) || r >= 0x1F3FB && r <= 0x1F3FF)
	if joins {
		if last >= 0 {
			s.cells[s.y][last] += string(r)
		}
		return
	}
	if s.wrap || s.x+w > s.w {
		s.t.Errorf("the terminal had to wrap at %q", r)
		s.x = 0
		s.down()
	}
	s.cells[s.y][s.x] = string(r)
	for i := 1; i < w; i++ {
		s.cells[s.y][s.x+i] = ""
	}
	if s.x += w; s.x >= s.w {
		s.x, s.wrap = s.w-1, true
	}
}

func (s *screen) sequence(params string, last byte) {
	n, _ := strconv.Atoi(params)
	switch last {
	case 'A':
		s.y, s.wrap = max(0, s.y-max(n, 1)), false
	case 'B':
		s.y, s.wrap = min(s.h-1, s.y+max(n, 1)), false
	case 'H':
		s.x, s.y, s.wrap = 0, 0, false
	case 'K':
		s.erase(s.y, s.x)
	case 'J':
		from := s.y + 1
		if n == 2 {
			from = 0
		} else {
			s.erase(s.y, s.x)
		}
		for y := from; y < s.h; y++ {
			s.erase(y, 0)
		}
	case 'h', 'l', 'm':
	default:
		s.t.Errorf("unknown sequence ESC[%s%c", params, last)
	}
}

func (s *screen) erase(y, x int) {
	for ; x < s.w; x++ {
		s.cells[y][x] = " "
	}
}

// text is the screen, without blanks at the ends.
func (s *screen) text() string {
	var lines []string
	for _, l := range s.cells {
		lines = append(lines, strings.TrimRight(strings.Join(l, ""), " "))
	}
	return strings.TrimRight(strings.Join(lines, "\n"), "\n")
}

// before is the line of the cursor up to it.
func (s *screen) before() string { return strings.Join(s.cells[s.y][:s.x], "") }

// reflow changes the width as terminals do that break lines anew: each
// line that is too long now takes several, and the cursor stays at its
// character.
func (s *screen) reflow(w int) {
	var out [][]string
	x, y := s.x, 0
	for i, l := range s.cells {
		end := len(l)
		for end > 0 && l[end-1] == " " {
			end--
		}
		first := len(out)
		at := 0
		for {
			n := min(w, end-at)
			if at+n < end && n > 1 && l[at+n] == "" {
				n-- // no half of a wide character
			}
			row := emptyRow(w)
			copy(row, l[at:at+max(n, 0)])
			out = append(out, row)
			at += n
			if at >= end {
				break
			}
		}
		if i == s.y {
			y = first + s.x/w
			x = s.x % w
			for len(out) <= y {
				out = append(out, emptyRow(w))
			}
		}
	}
	s.w = w
	for len(out) > s.h && y < len(out)-1 && strings.TrimSpace(strings.Join(out[len(out)-1], "")) == "" {
		out = out[:len(out)-1]
	}
	if n := len(out) - s.h; n > 0 {
		out = out[n:]
		y -= n
		s.lines += n
	}
	for len(out) < s.h {
		out = append(out, emptyRow(w))
	}
	s.cells, s.x, s.y, s.wrap = out, x, y, false
}
