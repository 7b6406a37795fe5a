package quant

import (
	"fmt"
	"strconv"
	"strings"
)

// Role is what a weight does in the model, as far as mixtures care.
type Role uint8

// The zero Role is invalid, so that a forgotten field is noticed.
const (
	RoleInvalid    Role = iota
	RoleTokenEmbd       // token_embd, per_layer_token_embd
	RoleOutput          // the lm_head, where it is not the token embedding
	RoleAttnQ           //
	RoleAttnK           //
	RoleAttnV           //
	RoleAttnQKV         // fused rows q, k, v
	RoleAttnOutput      //
	RoleFFNGate         // dense, one expert, stacked or shared experts
	RoleFFNUp           //
	RoleFFNDown         //
	RoleNorm            // stays f32
	RoleBias            // stays f32; also sinks, factors and scales
	RoleRouter          // ffn_gate_inp and other small matrices, stays f32
	RoleKept            // matrices that keep the float type they have
	RoleOther           // any other matrix: gets the default type
	numRoles
)

var roleNames = [numRoles]string{
	"invalid", "token_embd", "output", "attn_q", "attn_k", "attn_v", "attn_qkv", "attn_output",
	"ffn_gate", "ffn_up", "ffn_down", "norm", "bias", "router", "kept", "other",
}

// String is the name, "attn_q".
func (r Role) String() string {
	if r >= numRoles {
		return fmt.Sprintf("role(%d)", uint8(r))
	}
	return roleNames[r]
}

// roleByName maps GGUF tensor names, without blk.N. and .weight, to roles.
// Names that are not here are RoleOther.
var roleByName = map[string]Role{
	"token_embd":           RoleTokenEmbd,
	"per_layer_token_embd": RoleTokenEmbd,
	"output":               RoleOutput,
	"attn_q":               RoleAttnQ,
	"attn_k":               RoleAttnK,
	"attn_v":               RoleAttnV,
	"attn_qkv":             RoleAttnQKV,
	"attn_output":          RoleAttnOutput,
	"ffn_gate":             RoleFFNGate,
	"ffn_gate_exps":        RoleFFNGate,
	"ffn_gate_shexp":       RoleFFNGate,
	"ffn_gate_up_exps":     RoleFFNGate,
	"ffn_up":               RoleFFNUp,
	"ffn_up_exps":          RoleFFNUp,
	"ffn_up_shexp":         RoleFFNUp,
	"ffn_down":             RoleFFNDown,
	"ffn_down_exps":        RoleFFNDown,
	"ffn_down_shexp":       RoleFFNDown,
	"ffn_gate_inp":         RoleRouter,
	"ffn_gate_inp_shexp":   RoleRouter,
	"ssm_conv1d":           RoleRouter,
	"shortconv.conv":       RoleRouter,
	"per_layer_model_proj": RoleKept,
	"attn_sinks":           RoleBias,
	"rope_freqs":           RoleBias,
	"rope_factors_long":    RoleBias,
	"rope_factors_short":   RoleBias,
}

// RoleOf reads the role and the layer (-1 outside of the layers) from a GGUF
// tensor name. Whatever does not end in .weight counts as a bias.
func RoleOf(name string) (role Role, layer int) {
	layer, rest := splitLayer(name)
	base, ok := strings.CutSuffix(rest, ".weight")
	switch {
	case !ok:
		return RoleBias, layer
	case strings.HasSuffix(base, "_norm"):
		return RoleNorm, layer
	}
	if r, ok := roleByName[base]; ok {
		return r, layer
	}
	return RoleOther, layer
}

// splitLayer cuts "blk.7." off a name.
func splitLayer(name string) (layer int, rest string) {
	if s, ok := strings.CutPrefix(name, "blk."); ok {
		if number, rest, ok := strings.Cut(s, "."); ok {
			if n, err := strconv.ParseUint(number, 10, 31); err == nil {
				return int(n), rest
			}
		}
	}
	return -1, name
}
