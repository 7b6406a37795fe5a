package tokenizer

// Kind says what a token is for. The numbers are those of
// tokenizer.ggml.token_type in GGUF.
type Kind uint8

// The kinds. Unassigned is an id below Size that the source gives to no token.
const (
	Unassigned  Kind = 0
	Normal      Kind = 1
	Unknown     Kind = 2
	Control     Kind = 3 // steers the model; hidden in output, never made from user text
	UserDefined Kind = 4 // matched before the model splits the text; shown in output
	Unused      Kind = 5
	Byte        Kind = 6 // <0x00> to <0xFF>
	numKinds         = 7
)

var kindNames = [numKinds]string{"unassigned", "normal", "unknown", "control", "user-defined", "unused", "byte"}

// String names the kind.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "invalid"
}
