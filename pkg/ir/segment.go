package ir

// Segment kinds.
const (
	KindEmbed   = "embed"   // ids → hidden
	KindDecoder = "decoder" // hidden + state → hidden
	KindLogit   = "logit"   // hidden → logits
	KindTopK    = "topk"    // logits → the k largest
	KindModel   = "model"   // an uncut graph
)

// Segment is one executable graph of a model, wired to the others by the names
// of its inputs and outputs.
type Segment struct {
	Name  string // "embed", "decoder-0", "logit", "topk"
	Kind  string
	Graph *Graph
}
