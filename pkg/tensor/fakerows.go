//go:build fakerows

package tensor

// FakeLUT is a type that exists in tests only: 4-bit values that index a table, blocks of
// 32 under an fp16 scale.
const FakeLUT = numTypes

func init() { types = append(types, typeInfo{"fake_lut", 32, 18, true}) }
