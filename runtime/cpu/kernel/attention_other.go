//go:build !amd64 && !arm64

package kernel

// kvVec is empty: nothing reads a codec in place.
type kvVec struct{}

var f32Vec, f16Vec, q8Vec *kvVec

func vecAttention(*Attention) bool { return false }
func vecScratch(*Attention) int    { panic(noVector) }
func vecTile(a *Attention, q *queries, kh, t0, t1 int, scratch []byte, out *attentionOut) {
	panic(noVector)
}
func vecChunkPartials(a *Attention, q *queries, kh, c, t0, t1 int, scratch []byte) { panic(noVector) }
func vecMergeHeads(*Attention, int, int, int, []byte, *attentionOut) bool          { return false }
