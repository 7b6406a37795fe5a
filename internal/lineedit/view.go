package lineedit

import "fmt"

// row is a line of the screen: text[start:end] behind a prefix.
type row struct {
	start, end int
	prefix     string
	width      int // most cells it may take
}

// minWidth is assumed of a terminal that says it is narrower.
const minWidth = 8

// layout breaks a text into rows. The last column stays free: for the cursor,
// and because terminals disagree about erasing behind a full row.
func layout(text []rune, prompt, more string, width int) []row {
	width = max(width, minWidth) - 1
	r := row{prefix: prompt, width: textWidth(prompt)}
	var rows []row
	for i := 0; i < len(text); {
		if text[i] == '\n' {
			r.end = i
			rows = append(rows, r)
			i++
			r = row{start: i, end: i, prefix: more, width: textWidth(more)}
			continue
		}
		j := next(text, i)
		w := cells(text, i, j)
		for ; w > width && j > i+1; w = cells(text, i, j) {
			j-- // a heap of joined characters
		}
		if r.width+w > width && r.end > r.start {
			rows = append(rows, r)
			r = row{start: i, end: i}
		}
		r.end = j
		r.width += w
		i = j
	}
	return append(rows, r)
}

func textWidth(s string) int {
	r := []rune(s)
	return cells(r, 0, len(r))
}

// rowOf is the row that position at stands in: where one row ends and the
// next, a continuation, begins, it is the next.
func rowOf(rows []row, at int) int {
	for i := len(rows) - 1; i > 0; i-- {
		if at >= rows[i].start {
			return i
		}
	}
	return 0
}

// view is what stands on the screen.
type view struct {
	rows []row // drawn last, from the first to the last visible
	cur  int   // row of the cursor among them
	col  int   // cells before the cursor, at most
	w    int   // width of the screen then
}

// draw returns the bytes that replace what was drawn by text with the cursor
// at at, on a screen of width × height cells.
func (v *view) draw(text []rune, at int, prompt, more string, width, height int) []byte {
	changed := v.w != 0 && v.w != width
	if changed {
		v.resized(width)
	}
	v.w = width
	all := layout(text, prompt, more, width)
	cur := rowOf(all, at)
	first, last := visible(len(all), cur, height)
	b := top(nil, v.cur)
	if changed {
		b = append(b, "\x1b[J"...) // some remember where they broke a line until it is erased
	}
	rows := all[first:last]
	for i, r := range rows {
		b = append(b, r.prefix...)
		b = appendShown(b, text[r.start:r.end])
		b = append(b, "\x1b[K"...)
		if i < len(rows)-1 {
			b = append(b, "\r\n"...)
		}
	}
	v.rows, v.cur = rows, cur-first
	here := rows[v.cur]
	v.col = textWidth(here.prefix) + cells(text, here.start, at)
	b = append(b, "\x1b[J"...) // rows of a longer text
	if at == here.end && v.cur == len(rows)-1 {
		return b // the cursor is there already
	}
	b = top(b, len(rows)-1-v.cur)
	b = append(b, here.prefix...)
	return appendShown(b, text[here.start:at])
}

// top moves to the first column, n rows up.
func top(b []byte, n int) []byte {
	b = append(b, '\r')
	if n > 0 {
		b = fmt.Appendf(b, "\x1b[%dA", n)
	}
	return b
}

// visible chooses the rows that fit, the one of the cursor among them.
func visible(n, cur, height int) (first, last int) {
	height = max(height, 1)
	if n <= height {
		return 0, n
	}
	first = min(max(0, cur-height+1), n-height)
	return first, first + height
}

// resized accounts for a terminal that has broken its lines anew at width
// cells: the cursor is now further down, or up.
func (v *view) resized(width int) {
	width = max(width, 1)
	n := 0
	for i, r := range v.rows {
		if i == v.cur {
			break
		}
		n += max(1, (r.width+width-1)/width)
	}
	v.cur = n + v.col/width
}

// leave returns the bytes that put the cursor behind all rows, on a new line.
func (v *view) leave() []byte {
	var b []byte
	for range len(v.rows) - 1 - v.cur {
		b = append(b, "\x1b[B"...)
	}
	*v = view{}
	return append(b, "\r\n"...)
}
