package main

import (
	"fmt"
	"go/format"
	"sort"
	"strings"

	"github.com/tessera-llm/tessera/pkg/pack"
)

// goFile is the Go file of an architecture: the declarations of its functions and
// the table of kernels by weight type.
func goFile(stubs []string, natives func(r recipe) string, floats string) string {
	sort.Strings(stubs)
	var b strings.Builder
	b.WriteString(header + "\npackage kernel\n\nimport \"github.com/tessera-llm/tessera/pkg/tensor\"\n")
	for _, s := range stubs {
		fmt.Fprintf(&b, "\n//go:noescape\n%s\n", s)
	}
	b.WriteString("\n// natives lists the types that have kernels of their own.\nvar natives = map[tensor.Type]*native{\n" + floats)
	for _, r := range quantised() {
		fmt.Fprintf(&b, "\ttensor.%s: {%s},\n", r.name, natives(r))
	}
	b.WriteString("}\n")
	text, err := format.Source([]byte(b.String()))
	if err != nil {
		panic(fmt.Sprintf("generated Go: %v", err))
	}
	return string(text)
}

// nativeAMD64 is the row of r among natives of amd64.
func nativeAMD64(r recipe) string {
	adapter := [pack.NumPlanes]string{pack.PlaneInit: "offset", pack.PlaneInit16: "offset16", pack.PlaneMinPair: "minK", pack.PlaneBSum: "minF"}
	return fmt.Sprintf("gemv: gemv%[1]s, gemv4: gemv4x%[1]s, gemv8: gemv8x%[1]s, gemv256: gemv256%[1]s, gemv256V: gemv256V%[1]s,\n"+
		"\t\ttile256: tile256%[1]s, tile256V: tile256V%[1]s, gemm256: %s, gemm256V: %s, expand: %s(expand%[1]s)",
		r.name, gemm256Name(r, false), gemm256Name(r, true), adapter[r.Plane])
}

func floatsAMD64() string {
	s := ""
	for _, t := range floatTypes {
		s += fmt.Sprintf("\ttensor.%[1]s: {slabs: gemvSlabs%[1]s, one: gemv1%[1]s, two256: gemv256%[1]sx2, one256: gemv256%[1]s", t.name)
		switch t.name {
		case "F16":
			s += ", widen: expandF16, widen256: halfPairs256"
		case "BF16":
			s += ", widen: expandBF16, widen256: bf16Pairs256"
		}
		s += "},\n"
	}
	return s
}

// nativeARM64 is the row of r among natives of arm64.
func nativeARM64(r recipe) string {
	if r.streams() {
		return "stream: neonGemv" + r.name
	}
	return ""
}

const floatsARM64 = `	tensor.F32:  {gemv4: neonGemv4F32},
	tensor.F16:  {gemv4: neonGemv4F16, widen: neonHalfPairs},
	tensor.BF16: {gemv4: neonGemv4BF16, widen: neonBF16},
`
