package uclass

import "sort"

type lowerRun struct {
	first, last rune
	distance    int32
	step        rune
}

// Lower returns the lower case of r where that is one code point. U+0130, the
// only code point whose lower case is two ('i' and U+0307), is left to the
// caller.
func Lower(r rune) rune {
	if r < 0x80 {
		if 'A' <= r && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}
	i := sort.Search(len(lowerRuns), func(i int) bool { return lowerRuns[i].last >= r })
	if i < len(lowerRuns) {
		if l := lowerRuns[i]; r >= l.first && (r-l.first)%l.step == 0 {
			return r + l.distance
		}
	}
	return r
}
