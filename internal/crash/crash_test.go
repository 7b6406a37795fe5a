package crash

import (
	"regexp"
	"testing"
)

func index(s []int, i int) (err error) {
	defer Catch(&err, func() string { return "reading" })
	_ = s[i]
	return nil
}

func TestCatch(t *testing.T) {
	if err := index(make([]int, 3), 2); err != nil {
		t.Errorf("without a panic: %v", err)
	}
	err := index(make([]int, 3), 3)
	want := regexp.MustCompile(`^reading: panic at crash\.index \(crash_test\.go:\d+\): runtime error: index out of range \[3\] with length 3$`)
	if err == nil || !want.MatchString(err.Error()) {
		t.Errorf("%v", err)
	}
}
