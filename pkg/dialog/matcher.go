package dialog

import "strings"

// piece is a part of an answer: text, or the spelling of a control token.
type piece struct {
	text    string
	control bool
}

// matcher finds strings in pieces as they come, across their borders. What may
// be the start of a string is held back until the next piece decides.
type matcher struct {
	patterns []string
	held     []piece
}

// push takes a piece and returns what is decided. found is the pattern that
// was met, -1 for none; what stands behind it is held.
func (m *matcher) push(p piece) (out []piece, found int) {
	if p.text != "" {
		m.held = append(m.held, p)
	}
	return m.next()
}

// next goes on with what is held.
func (m *matcher) next() (out []piece, found int) {
	s := spell(m.held)
	at, found := -1, -1
	for i, pat := range m.patterns {
		k := strings.Index(s, pat)
		if k >= 0 && (at < 0 || k < at || k == at && len(pat) > len(m.patterns[found])) {
			at, found = k, i
		}
	}
	if found >= 0 {
		out, m.held = split(m.held, at)
		_, m.held = split(m.held, len(m.patterns[found]))
		return out, found
	}
	keep := 0
	for _, pat := range m.patterns {
		for n := min(len(pat)-1, len(s)); n > keep; n-- {
			if strings.HasSuffix(s, pat[:n]) {
				keep = n
				break
			}
		}
	}
	out, m.held = split(m.held, len(s)-keep)
	return out, -1
}

// flush returns what is held: nothing more will come.
func (m *matcher) flush() []piece {
	out := m.held
	m.held = nil
	return out
}

func spell(pieces []piece) string {
	var b strings.Builder
	for _, p := range pieces {
		b.WriteString(p.text)
	}
	return b.String()
}

// plain is spell without control tokens.
func plain(pieces []piece) string {
	var b strings.Builder
	for _, p := range pieces {
		if !p.control {
			b.WriteString(p.text)
		}
	}
	return b.String()
}

// split cuts pieces behind n bytes.
func split(pieces []piece, n int) (head, tail []piece) {
	for i, p := range pieces {
		if n < len(p.text) {
			if n > 0 {
				head = append(head, piece{p.text[:n], p.control})
			}
			tail = append(tail, piece{p.text[n:], p.control})
			return head, append(tail, pieces[i+1:]...)
		}
		head = append(head, p)
		n -= len(p.text)
	}
	return head, nil
}
