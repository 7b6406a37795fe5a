package tokenizer

import (
	"strings"
	"unicode/utf8"

	"github.com/tessera-llm/tessera/pkg/tokenizer/internal/uclass"
)

// matcher finds added tokens in a text: the leftmost match, and of those at
// one place the longest.
type matcher struct {
	root   [256]int32       // child of the root, 0: none
	child  map[uint64]int32 // node<<8 | byte
	tokens []*addedToken    // that end at a node
}

func newMatcher() *matcher {
	return &matcher{child: map[uint64]int32{}, tokens: make([]*addedToken, 1)}
}

func (m *matcher) add(pattern string, tok *addedToken) {
	node := int32(0)
	for i := 0; i < len(pattern); i++ {
		next := m.step(node, pattern[i])
		if next == 0 {
			next = int32(len(m.tokens))
			m.tokens = append(m.tokens, nil)
			if node == 0 {
				m.root[pattern[i]] = next
			} else {
				m.child[uint64(node)<<8|uint64(pattern[i])] = next
			}
		}
		node = next
	}
	if node != 0 {
		m.tokens[node] = tok
	}
}

func (m *matcher) step(node int32, b byte) int32 {
	if node == 0 {
		return m.root[b]
	}
	return m.child[uint64(node)<<8|uint64(b)]
}

func (m *matcher) empty() bool { return len(m.tokens) == 1 }

// next finds the first token at or after i.
func (m *matcher) next(s string, i int) (tok *addedToken, start, end int) {
	for ; i < len(s); i++ {
		node := m.root[s[i]]
		if node == 0 {
			continue
		}
		for k := i + 1; ; k++ {
			if t := m.tokens[node]; t != nil {
				tok, end = t, k
			}
			if k == len(s) {
				break
			}
			if node = m.step(node, s[k]); node == 0 {
				break
			}
		}
		if tok != nil {
			return tok, i, end
		}
	}
	return nil, 0, 0
}

// segment is a part of the text: an added token, or text between them.
type segment struct {
	tok        *addedToken
	start, end int
}

// segments cuts s at added tokens. Special ones stay text unless special is
// set; what they cover is then not searched for other tokens. With trust, they
// also stay text where it says no, and the search goes on behind their first
// byte.
func (m *matcher) segments(s string, special bool, trust func(start, end int) bool, out []segment) []segment {
	if m.empty() {
		return append(out, segment{nil, 0, len(s)})
	}
	from := 0 // end of the last segment
	for at := 0; ; {
		tok, start, end := m.next(s, at)
		if tok == nil {
			break
		}
		at = end
		if tok.Special && !special || tok.SingleWord && !isolated(s, start, end) {
			continue
		}
		if tok.Special && trust != nil && !trust(start, end) {
			at = start + 1
			continue
		}
		if tok.LStrip {
			tab := uclass.Get()
			left := strings.TrimRightFunc(s[:start], func(r rune) bool { return tab.Of(r)&uclass.Space != 0 })
			start = max(len(left), from)
		}
		if tok.RStrip {
			tab := uclass.Get()
			right := strings.TrimLeftFunc(s[end:], func(r rune) bool { return tab.Of(r)&uclass.Space != 0 })
			end = len(s) - len(right)
		}
		if from < start {
			out = append(out, segment{nil, from, start})
		}
		out = append(out, segment{tok, start, end})
		from = end
	}
	if from != len(s) {
		out = append(out, segment{nil, from, len(s)})
	}
	return out
}

// isolated tells whether no word character touches s[start:end].
func isolated(s string, start, end int) bool {
	tab := uclass.Get()
	before, _ := utf8.DecodeLastRuneInString(s[:start])
	after, _ := utf8.DecodeRuneInString(s[end:])
	return (start == 0 || tab.Of(before)&uclass.Word == 0) && (end == len(s) || tab.Of(after)&uclass.Word == 0)
}
