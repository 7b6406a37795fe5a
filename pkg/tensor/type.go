package tensor

import (
	"fmt"
	"strings"
)

// Type is the stored form of a tensor: a scalar element type or a block
// quantisation along the last dimension.
type Type uint8

// The zero Type is invalid, so that a forgotten field is noticed.
const (
	Invalid Type = iota
	F32
	F16
	BF16
	F64
	I8
	I16
	I32
	I64
	U8
	U16
	U32
	U64
	Bool
	C64
	F8E4M3
	F8E5M2
	F8E8M0
	F8E4M3FNUZ
	F8E5M2FNUZ
	F6E2M3
	F6E3M2
	F4
	Q4_0
	Q4_1
	Q5_0
	Q5_1
	Q8_0
	Q8_1
	Q2_K
	Q3_K
	Q4_K
	Q5_K
	Q6_K
	Q8_K
	IQ2_XXS
	IQ2_XS
	IQ3_XXS
	IQ1_S
	IQ4_NL
	IQ3_S
	IQ2_S
	IQ4_XS
	IQ1_M
	TQ1_0
	TQ2_0
	MXFP4
	NVFP4
	Q1_0
	Q2_0
	numTypes // the next free number
)

// typeInfo is one row of the type table. Sub-byte scalars (F4, F6) have a
// block of the fewest elements that fill whole bytes.
type typeInfo struct {
	name  string
	elems int  // elements per block
	bytes int  // bytes per block
	quant bool // a GGUF block quantisation
}

// types is a slice so that a build with the tag fakerows can add a row.
var types = []typeInfo{
	Invalid:    {"invalid", 1, 0, false},
	F32:        {"f32", 1, 4, false},
	F16:        {"f16", 1, 2, false},
	BF16:       {"bf16", 1, 2, false},
	F64:        {"f64", 1, 8, false},
	I8:         {"i8", 1, 1, false},
	I16:        {"i16", 1, 2, false},
	I32:        {"i32", 1, 4, false},
	I64:        {"i64", 1, 8, false},
	U8:         {"u8", 1, 1, false},
	U16:        {"u16", 1, 2, false},
	U32:        {"u32", 1, 4, false},
	U64:        {"u64", 1, 8, false},
	Bool:       {"bool", 1, 1, false},
	C64:        {"c64", 1, 8, false},
	F8E4M3:     {"f8_e4m3", 1, 1, false},
	F8E5M2:     {"f8_e5m2", 1, 1, false},
	F8E8M0:     {"f8_e8m0", 1, 1, false},
	F8E4M3FNUZ: {"f8_e4m3fnuz", 1, 1, false},
	F8E5M2FNUZ: {"f8_e5m2fnuz", 1, 1, false},
	F6E2M3:     {"f6_e2m3", 4, 3, false},
	F6E3M2:     {"f6_e3m2", 4, 3, false},
	F4:         {"f4", 2, 1, false},
	Q4_0:       {"q4_0", 32, 18, true},
	Q4_1:       {"q4_1", 32, 20, true},
	Q5_0:       {"q5_0", 32, 22, true},
	Q5_1:       {"q5_1", 32, 24, true},
	Q8_0:       {"q8_0", 32, 34, true},
	Q8_1:       {"q8_1", 32, 36, true},
	Q2_K:       {"q2_k", 256, 84, true},
	Q3_K:       {"q3_k", 256, 110, true},
	Q4_K:       {"q4_k", 256, 144, true},
	Q5_K:       {"q5_k", 256, 176, true},
	Q6_K:       {"q6_k", 256, 210, true},
	Q8_K:       {"q8_k", 256, 292, true},
	IQ2_XXS:    {"iq2_xxs", 256, 66, true},
	IQ2_XS:     {"iq2_xs", 256, 74, true},
	IQ3_XXS:    {"iq3_xxs", 256, 98, true},
	IQ1_S:      {"iq1_s", 256, 50, true},
	IQ4_NL:     {"iq4_nl", 32, 18, true},
	IQ3_S:      {"iq3_s", 256, 110, true},
	IQ2_S:      {"iq2_s", 256, 82, true},
	IQ4_XS:     {"iq4_xs", 256, 136, true},
	IQ1_M:      {"iq1_m", 256, 56, true},
	TQ1_0:      {"tq1_0", 256, 54, true},
	TQ2_0:      {"tq2_0", 256, 66, true},
	MXFP4:      {"mxfp4", 32, 17, true},
	NVFP4:      {"nvfp4", 64, 36, true},
	Q1_0:       {"q1_0", 128, 18, true},
	Q2_0:       {"q2_0", 64, 18, true},
}

// Valid reports whether t is a row of the table.
func (t Type) Valid() bool { return t > Invalid && int(t) < len(types) }

// String is the lower-case name, "q4_k" or "bf16".
func (t Type) String() string {
	if int(t) >= len(types) {
		return fmt.Sprintf("type(%d)", uint8(t))
	}
	return types[t].name
}

// BlockElems is the number of elements in one block; 1 for plain scalars.
func (t Type) BlockElems() int {
	if int(t) >= len(types) {
		return 1
	}
	return types[t].elems
}

// BlockBytes is the size of one block in bytes; 0 for an invalid type.
func (t Type) BlockBytes() int {
	if int(t) >= len(types) {
		return 0
	}
	return types[t].bytes
}

// Quantised reports whether t is a GGUF block quantisation.
func (t Type) Quantised() bool { return int(t) < len(types) && types[t].quant }

// Float reports whether t is one of f32, f16, bf16 and f64.
func (t Type) Float() bool { return t == F32 || t == F16 || t == BF16 || t == F64 }

// RowBytes is the size of k elements of type t along the last dimension. It
// fails when k is negative, does not fill whole blocks or overflows.
func (t Type) RowBytes(k int64) (int64, error) {
	if !t.Valid() {
		return 0, fmt.Errorf("row of %d elements: invalid element type %d", k, uint8(t))
	}
	e, b := int64(types[t].elems), int64(types[t].bytes)
	if k < 0 || k%e != 0 {
		return 0, fmt.Errorf("row of %d elements does not fill whole %s blocks of %d", k, t, e)
	}
	n, ok := mul(k/e, b)
	if !ok {
		return 0, fmt.Errorf("row of %d %s elements: size overflows", k, t)
	}
	return n, nil
}

// Types lists every valid type in table order.
func Types() []Type {
	all := make([]Type, 0, len(types)-1)
	for t := Invalid + 1; t.Valid(); t++ {
		all = append(all, t)
	}
	return all
}

// ParseType is the inverse of String, ignoring case.
func ParseType(s string) (Type, error) {
	l := strings.ToLower(s)
	for t := Invalid + 1; t.Valid(); t++ {
		if types[t].name == l {
			return t, nil
		}
	}
	return Invalid, fmt.Errorf("unknown weight type %q", s)
}
