package cpu

import (
	"fmt"
	"maps"

	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/runtime/cpu/kernel"
)

// method is how an op runs here.
type method struct {
	// compile turns a node into a step. The quantised form of an op has the
	// method of that op: its kernel sees from the output whether it quantises.
	compile func(*executable, *ir.Node) (step, error)
	// act is the function of an op that is an activation, for the ops that apply
	// one.
	act *kernel.Activation
}

// methods is the one table of what runs here: a row for every op that is no
// quantised form. What layouts, weight types and forms its kernel takes is the
// row of target.CPU; the tests hold one against the other. Init fills it,
// because some methods look others up.
var methods = map[ir.OpName]method{}

func init() {
	maps.Copy(methods, map[ir.OpName]method{
		ir.OpEmbedding:   {compile: compileEmbedding},
		ir.OpRMSNorm:     {compile: compileRMSNorm},
		ir.OpMatmul:      {compile: compileMatmul},
		ir.OpAddBias:     {compile: compileAddBias},
		ir.OpAdd:         {compile: compileAdd},
		ir.OpMul:         {compile: compileMul},
		ir.OpSilu:        activation(kernel.Silu),
		ir.OpGeluTanh:    activation(kernel.GeluTanh),
		ir.OpRope:        {compile: compileRope},
		ir.OpAttention:   {compile: compileAttention},
		ir.OpCausalConv:  {compile: compileCausalConv},
		ir.OpSelectRows:  {compile: compileSelectRows},
		ir.OpTopK:        {compile: compileTopK},
		ir.OpBoundary:    {compile: compileBoundary},
		ir.OpQuantizeAct: {compile: compileQuantizeAct},
		ir.OpRelayout:    {compile: compileRelayout},
		ir.OpMatmulGroup: {compile: compileMatmul},
		ir.OpRopeQK:      {compile: compileRopeQK},
		ir.OpAddRMSNorm:  {compile: compileAddRMSNorm},
		ir.OpGatedAct:    {compile: compileGatedAct},
	})
}

func activation(f *kernel.Activation) method { return method{unary(f), f} }

// step compiles one node.
func (e *executable) step(n *ir.Node) (step, error) {
	m, ok := methods[n.Base()]
	if !ok {
		return step{}, fmt.Errorf("the cpu has no kernel for op %q", n.Op)
	}
	return m.compile(e, n)
}
