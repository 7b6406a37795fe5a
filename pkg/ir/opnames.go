package ir

// OpName is the name of an op: a key of the op table. Code that builds or
// matches a certain op says it by these constants; who needs a fact about an op
// asks its row.
type OpName string

// The ops.
const (
	OpEmbedding   OpName = "embedding"
	OpRMSNorm     OpName = "rms_norm"
	OpMatmul      OpName = "matmul"
	OpAddBias     OpName = "add_bias"
	OpAdd         OpName = "add"
	OpMul         OpName = "mul"
	OpSilu        OpName = "silu"
	OpGeluTanh    OpName = "gelu_tanh"
	OpRope        OpName = "rope"
	OpAttention   OpName = "attention"
	OpCausalConv  OpName = "causal_conv"
	OpSelectRows  OpName = "select_rows"
	OpTopK        OpName = "topk"
	OpBoundary    OpName = "boundary"
	OpQuantizeAct OpName = "quantize_act"
	OpRelayout    OpName = "relayout"
	OpMatmulGroup OpName = "matmul_group"
	OpRopeQK      OpName = "rope_qk"
	OpAddRMSNorm  OpName = "add_rms_norm"
	OpGatedAct    OpName = "gated_act"
)
