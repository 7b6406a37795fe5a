package safetensors

import (
	"fmt"

	lib "github.com/nlpodyssey/safetensors"

	"github.com/tessera-llm/tessera/pkg/tensor"
)

// dtype is one row of the table of element types, in the order of the
// reference, which sorts tensors by it, largest alignment last.
type dtype struct {
	name string
	typ  tensor.Type
	lib  lib.DType // what stands for it when an entry is decoded
	ext  bool      // unknown to the library, decoded as U8
}

var dtypes = [...]dtype{
	{"BOOL", tensor.Bool, lib.BOOL, false},
	{"F4", tensor.F4, lib.U8, true},
	{"F6_E2M3", tensor.F6E2M3, lib.U8, true},
	{"F6_E3M2", tensor.F6E3M2, lib.U8, true},
	{"U8", tensor.U8, lib.U8, false},
	{"I8", tensor.I8, lib.I8, false},
	{"F8_E5M2", tensor.F8E5M2, lib.U8, true},
	{"F8_E4M3", tensor.F8E4M3, lib.U8, true},
	{"F8_E8M0", tensor.F8E8M0, lib.U8, true},
	{"F8_E4M3FNUZ", tensor.F8E4M3FNUZ, lib.U8, true},
	{"F8_E5M2FNUZ", tensor.F8E5M2FNUZ, lib.U8, true},
	{"I16", tensor.I16, lib.I16, false},
	{"U16", tensor.U16, lib.U16, false},
	{"F16", tensor.F16, lib.F16, false},
	{"BF16", tensor.BF16, lib.BF16, false},
	{"I32", tensor.I32, lib.I32, false},
	{"U32", tensor.U32, lib.U32, false},
	{"F32", tensor.F32, lib.F32, false},
	{"C64", tensor.C64, lib.U8, true},
	{"F64", tensor.F64, lib.F64, false},
	{"I64", tensor.I64, lib.I64, false},
	{"U64", tensor.U64, lib.U64, false},
}

// dtypeNamed finds the row of a name in a header.
func dtypeNamed(name string) (dtype, error) {
	for _, d := range dtypes {
		if d.name == name {
			return d, nil
		}
	}
	if len(name) > 40 {
		name = name[:40] + "..."
	}
	return dtype{}, fmt.Errorf("unsupported dtype %q", name)
}

// rank is the place of a type in the table; -1 when the format lacks it.
func rank(t tensor.Type) int {
	for i, d := range dtypes {
		if d.typ == t {
			return i
		}
	}
	return -1
}

// DType is the name of t in a safetensors header; false for block
// quantisations, which the format does not have.
func DType(t tensor.Type) (string, bool) {
	if i := rank(t); i >= 0 {
		return dtypes[i].name, true
	}
	return "", false
}
