package kernel

import (
	"fmt"
	"os"
	"strings"
)

// Tier is an instruction-set level. A tier without a kernel of its own for a
// row of the table uses the one below.
type Tier uint8

// The tiers, slowest first per architecture.
const (
	Generic Tier = iota // plain Go, defines the bits
	AVX2                // amd64: AVX2, FMA, F16C
	AVXVNNI             // amd64: AVX2 and dot products of 256 bits (AVX-VNNI)
	AVX512              // amd64: AVX-512 F, BW, VL, DQ, VNNI
	AMX                 // amd64: AVX512 and int8 tiles, for prompts
	NEON                // arm64: Advanced SIMD with dot products
	I8MM                // arm64: the same with products of 8-bit matrices
	numTiers
)

var tierNames = [numTiers]string{"generic", "avx2", "avxvnni", "avx512", "amx", "neon", "i8mm"}

func (t Tier) String() string {
	if t >= numTiers {
		return fmt.Sprintf("tier(%d)", uint8(t))
	}
	return tierNames[t]
}

// below is the next lower tier that every machine with t has; Generic is below
// itself. AVX-512 machines need not have AVX-VNNI.
func (t Tier) below() Tier {
	switch t {
	case AMX:
		return AVX512
	case AVX512, AVXVNNI:
		return AVX2
	case I8MM:
		return NEON
	}
	return Generic
}

// TierEnv names the environment variable that masks tiers.
const TierEnv = "TESSERA_CPU"

// Best is the highest tier of this machine that $TESSERA_CPU allows: a
// comma-separated list of "avx2" (at most this tier; it must exist here) and
// "-avx512" (without this tier and those that build on it). Unknown words are
// errors.
func Best() (Tier, error) { return best(os.Getenv(TierEnv), available()) }

// Available lists the tiers of this machine, Generic first, unmasked.
func Available() []Tier {
	var all []Tier
	for t, ok := range available() {
		if ok {
			all = append(all, Tier(t))
		}
	}
	return all
}

func best(mask string, have [numTiers]bool) (Tier, error) {
	limit := numTiers
	off := [numTiers]bool{}
	for _, word := range strings.Split(mask, ",") {
		word = strings.TrimSpace(word)
		if word == "" {
			continue
		}
		name, minus := strings.CutPrefix(word, "-")
		t, err := parseTier(name)
		switch {
		case err != nil:
			return Generic, fmt.Errorf("%s=%q: %w", TierEnv, mask, err)
		case minus && t == Generic:
			return Generic, fmt.Errorf("%s=%q: the generic tier cannot be masked", TierEnv, mask)
		case minus:
			off[t] = true
		case !have[t]:
			return Generic, fmt.Errorf("%s=%q: this machine has no %s", TierEnv, mask, t)
		default:
			limit = min(limit, t+1)
		}
	}
	for t := limit; t > Generic; t-- {
		if have[t-1] && !masked(t-1, &off) {
			return t - 1, nil
		}
	}
	return Generic, nil
}

// masked says whether t or a tier below it is off.
func masked(t Tier, off *[numTiers]bool) bool {
	for ; t > Generic; t = t.below() {
		if off[t] {
			return true
		}
	}
	return false
}

func parseTier(name string) (Tier, error) {
	for t, n := range tierNames {
		if n == name {
			return Tier(t), nil
		}
	}
	return Generic, fmt.Errorf("unknown tier %q, want one of %s", name, strings.Join(tierNames[:], ", "))
}
