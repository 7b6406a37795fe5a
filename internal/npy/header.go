package npy

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// header is the dictionary in front of the data.
type header struct {
	descr   string
	fortran bool
	shape   []int
}

// Limits of a header.
const (
	maxHeader = 1 << 16
	maxRank   = 8
)

// parseHeader reads the Python dictionary literal of a .npy header:
// {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }
func parseHeader(text string) (header, error) {
	p := &literal{s: text}
	var h header
	seen := map[string]bool{}
	if !p.take('{') {
		return h, fmt.Errorf("header %.40q is no dictionary", text)
	}
	for !p.take('}') {
		key, err := p.str()
		if err != nil {
			return h, err
		}
		if seen[key] || !p.take(':') {
			return h, fmt.Errorf("header key %.40q stands twice or without a value", key)
		}
		seen[key] = true
		switch key {
		case "descr":
			h.descr, err = p.str()
		case "fortran_order":
			h.fortran, err = p.boolean()
		case "shape":
			h.shape, err = p.tuple()
		default:
			err = fmt.Errorf("unknown key")
		}
		if err != nil {
			return h, fmt.Errorf("header key %.40q: %w", key, err)
		}
		if !p.take(',') && p.peek() != '}' {
			return h, fmt.Errorf("header: no comma behind %.40q", key)
		}
	}
	if rest := strings.TrimSpace(p.s[p.i:]); rest != "" {
		return h, fmt.Errorf("header: %.40q behind its end", rest)
	}
	if len(seen) != 3 {
		return h, fmt.Errorf("header has %d keys, want descr, fortran_order and shape", len(seen))
	}
	return h, nil
}

// literal is a cursor over Python literals.
type literal struct {
	s string
	i int
}

// peek returns the next byte that is not white space, 0 at the end.
func (p *literal) peek() byte {
	for p.i < len(p.s) && strings.IndexByte(" \t\r\n", p.s[p.i]) >= 0 {
		p.i++
	}
	if p.i == len(p.s) {
		return 0
	}
	return p.s[p.i]
}

func (p *literal) take(c byte) bool {
	if p.peek() != c {
		return false
	}
	p.i++
	return true
}

// str reads a quoted string without escapes.
func (p *literal) str() (string, error) {
	q := p.peek()
	if q != '\'' && q != '"' {
		return "", fmt.Errorf("want a string at %.20q", p.s[p.i:])
	}
	end := strings.IndexByte(p.s[p.i+1:], q)
	if end < 0 {
		return "", fmt.Errorf("string without end at %.20q", p.s[p.i:])
	}
	s := p.s[p.i+1 : p.i+1+end]
	if strings.IndexByte(s, '\\') >= 0 {
		return "", fmt.Errorf("string %.20q has an escape", s)
	}
	p.i += end + 2
	return s, nil
}

func (p *literal) boolean() (bool, error) {
	p.peek()
	for _, word := range []string{"False", "True"} {
		if strings.HasPrefix(p.s[p.i:], word) {
			p.i += len(word)
			return word == "True", nil
		}
	}
	return false, fmt.Errorf("want True or False at %.20q", p.s[p.i:])
}

// tuple reads (), (3,) or (3, 4).
func (p *literal) tuple() ([]int, error) {
	if !p.take('(') {
		return nil, fmt.Errorf("want a tuple at %.20q", p.s[p.i:])
	}
	dims := []int{}
	for !p.take(')') {
		start := p.i
		p.peek()
		start = max(start, p.i)
		for p.i < len(p.s) && p.s[p.i] >= '0' && p.s[p.i] <= '9' {
			p.i++
		}
		n, err := strconv.Atoi(p.s[start:p.i])
		if err != nil || len(dims) == maxRank {
			return nil, fmt.Errorf("want at most %d dimensions, each a number ≥ 0, at %.20q", maxRank, p.s[start:])
		}
		dims = append(dims, n)
		if !p.take(',') && p.peek() != ')' {
			return nil, fmt.Errorf("no comma between dimensions at %.20q", p.s[p.i:])
		}
	}
	return dims, nil
}

// elements is the product of dims.
func elements(dims []int) (int, error) {
	n := 1
	for _, d := range dims {
		if d < 0 || d > 0 && n > math.MaxInt/d {
			return 0, fmt.Errorf("shape %v overflows", dims)
		}
		n *= d
	}
	return n, nil
}

// format is the whole header of version 1.0, padded so that the data starts at
// a multiple of 64 bytes.
func (h header) format() string {
	var dims strings.Builder
	for _, d := range h.shape {
		fmt.Fprintf(&dims, "%d, ", d)
	}
	shape := strings.TrimSuffix(dims.String(), " ")
	if len(h.shape) > 1 {
		shape = strings.TrimSuffix(shape, ",")
	}
	text := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", h.descr, shape)
	pad := 63 - (len(magic)+4+len(text))%64
	text += strings.Repeat(" ", pad) + "\n"
	return magic + "\x01\x00" + string([]byte{byte(len(text)), byte(len(text) >> 8)}) + text
}

const magic = "\x93NUMPY"
