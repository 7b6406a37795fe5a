package gguf

import (
	"fmt"

	"github.com/tessera-llm/tessera/pkg/tensor"
)

// ValueType is the type of a metadata value, numbered as in the file.
type ValueType uint32

// The value types of the format.
const (
	U8     ValueType = 0
	I8     ValueType = 1
	U16    ValueType = 2
	I16    ValueType = 3
	U32    ValueType = 4
	I32    ValueType = 5
	F32    ValueType = 6
	Bool   ValueType = 7
	String ValueType = 8
	Array  ValueType = 9
	U64    ValueType = 10
	I64    ValueType = 11
	F64    ValueType = 12
)

// valueTypes gives name and size in bytes; strings and arrays have no fixed
// size.
var valueTypes = [...]struct {
	name string
	size int
}{
	U8: {"u8", 1}, I8: {"i8", 1}, U16: {"u16", 2}, I16: {"i16", 2}, U32: {"u32", 4}, I32: {"i32", 4}, F32: {"f32", 4},
	Bool: {"bool", 1}, String: {"string", 0}, Array: {"array", 0}, U64: {"u64", 8}, I64: {"i64", 8}, F64: {"f64", 8},
}

// String is the short name, "u32".
func (t ValueType) String() string {
	if int(t) >= len(valueTypes) {
		return fmt.Sprintf("value type %d", uint32(t))
	}
	return valueTypes[t].name
}

func (t ValueType) valid() bool { return int(t) < len(valueTypes) }

// typeID is one row of the table of ggml type numbers. A row without a Type is
// a number that once had a meaning.
type typeID struct {
	t       tensor.Type
	removed string
}

var typeIDs = [...]typeID{
	0: {t: tensor.F32}, 1: {t: tensor.F16}, 2: {t: tensor.Q4_0}, 3: {t: tensor.Q4_1},
	4: {removed: "q4_2"}, 5: {removed: "q4_3"},
	6: {t: tensor.Q5_0}, 7: {t: tensor.Q5_1}, 8: {t: tensor.Q8_0}, 9: {t: tensor.Q8_1},
	10: {t: tensor.Q2_K}, 11: {t: tensor.Q3_K}, 12: {t: tensor.Q4_K}, 13: {t: tensor.Q5_K}, 14: {t: tensor.Q6_K}, 15: {t: tensor.Q8_K},
	16: {t: tensor.IQ2_XXS}, 17: {t: tensor.IQ2_XS}, 18: {t: tensor.IQ3_XXS}, 19: {t: tensor.IQ1_S}, 20: {t: tensor.IQ4_NL},
	21: {t: tensor.IQ3_S}, 22: {t: tensor.IQ2_S}, 23: {t: tensor.IQ4_XS},
	24: {t: tensor.I8}, 25: {t: tensor.I16}, 26: {t: tensor.I32}, 27: {t: tensor.I64}, 28: {t: tensor.F64}, 29: {t: tensor.IQ1_M},
	30: {t: tensor.BF16},
	31: {removed: "q4_0_4_4"}, 32: {removed: "q4_0_4_8"}, 33: {removed: "q4_0_8_8"},
	34: {t: tensor.TQ1_0}, 35: {t: tensor.TQ2_0},
	36: {removed: "iq4_nl_4_4"}, 37: {removed: "iq4_nl_4_8"}, 38: {removed: "iq4_nl_8_8"},
	39: {t: tensor.MXFP4}, 40: {t: tensor.NVFP4}, 41: {t: tensor.Q1_0}, 42: {t: tensor.Q2_0},
}

// TypeFromID maps a ggml type number to a tensor type. Removed and unknown
// numbers are errors that name them.
func TypeFromID(id uint32) (tensor.Type, error) {
	if int64(id) >= int64(len(typeIDs)) {
		return tensor.Invalid, fmt.Errorf("unknown ggml type %d", id)
	}
	if r := typeIDs[id].removed; r != "" {
		return tensor.Invalid, fmt.Errorf("ggml type %d (%s) was removed from the format; convert the model again", id, r)
	}
	return typeIDs[id].t, nil
}

// TypeID is the inverse of TypeFromID; false for types GGUF does not have.
func TypeID(t tensor.Type) (uint32, bool) {
	for id, row := range typeIDs {
		if row.t == t && t.Valid() {
			return uint32(id), true
		}
	}
	return 0, false
}
