//go:build !amd64 && !arm64

package kernel

func vecAttention(*Attention) bool                                            { return false }
func vecScratch(*Attention) int                                               { panic(noVector) }
func vecTile(a *Attention, kh, t0, t1 int, scratch []byte, out *attentionOut) { panic(noVector) }
func vecChunkPartials(a *Attention, kh, c, t0, t1 int, scratch []byte)        { panic(noVector) }
func vecMergeHeads(*Attention, int, int, int, []byte, *attentionOut) bool     { return false }
