package synth

import "fmt"

// vocab is a byte-level BPE vocabulary of a given size. Token i < 256 is the
// byte order[i]; the tokens after them append one byte to an earlier token, in
// order, so common characters are merged first; the last ones are special.
type vocab struct {
	tokens  []string // in the printable alphabet of byte-level BPE
	merges  []string // "a b"
	special []string
}

var specials = []string{"<|begin_of_text|>", "<|end_of_text|>", "<|pad|>"}

func newVocab(size int64) (*vocab, error) {
	const least = 256 + 3
	if size < least || size > 1<<24 {
		return nil, fmt.Errorf("vocabulary of %d tokens, want at least %d", size, least)
	}
	v := &vocab{special: specials}
	for _, b := range byteOrder() {
		v.tokens = append(v.tokens, string(printable(b)))
	}
	for i := 0; len(v.tokens) < int(size)-len(specials); i++ {
		a, b := v.tokens[i/256], v.tokens[i%256]
		v.tokens = append(v.tokens, a+b)
		v.merges = append(v.merges, a+" "+b)
	}
	v.tokens = append(v.tokens, specials...)
	return v, nil
}

// id of a special token.
func (v *vocab) id(i int) int { return len(v.tokens) - len(v.special) + i }

// byteOrder lists all bytes, those that text uses most first.
func byteOrder() []byte {
	const common = " etaoinshrdlucmfwygpbvk,.\nTIASHWMBCxjqz'\"-LEDNFPRGOUYVJKQXZ0123456789:;!?()"
	order := []byte(common)
	var seen [256]bool
	for _, b := range order {
		seen[b] = true
	}
	for b := range 256 {
		if !seen[b] {
			order = append(order, byte(b))
		}
	}
	return order
}

// printable is the character that byte-level BPE writes for a byte: itself for
// the printable ones of Latin-1, else the next from U+0100 on.
func printable(b byte) rune {
	if plainByte(b) {
		return rune(b)
	}
	n := rune(0)
	for c := range int(b) {
		if !plainByte(byte(c)) {
			n++
		}
	}
	return 256 + n
}

func plainByte(b byte) bool {
	return b >= '!' && b <= '~' || b >= 0xa1 && b <= 0xac || b >= 0xae
}
