//go:build fakerows

package verify

func init() { types = append(types, "fake_lut") }
