//go:build fakerows

package quant

import "github.com/tessera-llm/tessera/pkg/tensor"

// FakeLUT is the recipe of tensor.FakeLUT.
const FakeLUT = numRecipes

// fakeValues is what the values of tensor.FakeLUT index.
var fakeValues = [16]float32{-120, -90, -66, -48, -34, -22, -12, -5, 0, 6, 14, 24, 36, 52, 78, 113}

const fakeBytes = 18

func init() {
	recipes = append(recipes, recipeInfo{"fake_lut", "", tensor.FakeLUT, 9999})
	codecs = append(codecs, Codec{Type: tensor.FakeLUT, Decode: decodeFake, Encode: encodeFake,
		badBlock: func(data []byte) int { return badHalf(data, fakeBytes, 0) }})
}

func decodeFake(dst []float32, src []byte) {
	for ; len(dst) >= 32; dst, src = dst[32:], src[fakeBytes:] {
		d := f16ToF32(le16(src))
		for j, q := range src[2:fakeBytes] {
			dst[j], dst[j+16] = d*fakeValues[q&15], d*fakeValues[q>>4]
		}
	}
}

// encodeFake maps the largest magnitude to 113 and takes the nearest values.
func encodeFake(dst []byte, src []float32) {
	for ; len(src) >= 32; dst, src = dst[fakeBytes:], src[32:] {
		top := float32(0)
		for _, v := range src[:32] {
			top = max(top, abs32(v))
		}
		d := top / 113
		put16(dst, f32ToF16(d))
		for j := range 16 {
			dst[2+j] = fakeNearest(src[j], d) | fakeNearest(src[j+16], d)<<4
		}
	}
}

func fakeNearest(x, d float32) (q byte) {
	for i, v := range fakeValues {
		if abs32(x-float32(d*v)) < abs32(x-float32(d*fakeValues[q])) {
			q = byte(i)
		}
	}
	return q
}
