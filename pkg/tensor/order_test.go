package tensor

import (
	"strings"
	"testing"
)

// Names and values of the enums are inverses, and a value without a name is
// never taken for another.
func TestEnums(t *testing.T) {
	for e := ElemF32; e < numElems; e++ {
		if got, err := ParseElem(e.String()); err != nil || got != e {
			t.Errorf("element %s reads as %v, %v", e, got, err)
		}
	}
	for l := range numLayouts {
		if got, err := ParseLayout(l.String()); err != nil || got != l {
			t.Errorf("layout %s reads as %v, %v", l, got, err)
		}
	}
	for f := range numForms {
		if got, err := ParseForm(f.String()); err != nil || got != f {
			t.Errorf("form %s reads as %v, %v", f, got, err)
		}
	}
	for _, s := range []string{numElems.String(), numLayouts.String(), numForms.String()} {
		if !strings.HasSuffix(s, ")") {
			t.Errorf("an unknown value is called %q", s)
		}
	}
	if numLayouts.Valid() || numForms.Valid() || !LayoutC4.Valid() || !FormP16.Valid() {
		t.Error("Valid is wrong")
	}
	for _, err := range []error{second(ParseElem("invalid")), second(ParseElem("f16")), second(ParseLayout("C4")), second(ParseForm(""))} {
		if err == nil {
			t.Error("an unknown name is accepted")
		}
	}
}

func second[T any](_ T, err error) error { return err }
