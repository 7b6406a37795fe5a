package format

// Version of the bundle format. Version 0 stays until the architectures, the states and
// Metal stand; until then every change raises segmentVersion, and a reader accepts
// exactly its own version and revision.
//
// 0: protobuf graphs, p16 packing forms as in pkg/pack, activation scheme
// s256e32.
const Version = 0

// segmentVersion is the version inside each .seg file: the revision of the
// graphs in it. 2: batches of spans, topk by row. 3: a state has a kind, K and V dims, a
// window or the sizes of a recurrence, and no cache type. 4: several values may cross at a
// mark, several nodes share a state, V is a part of K, causal_conv.
const segmentVersion = 4

// Features that this reader knows. A bundle that requires another one is
// refused.
var Features = []string{"p16", "s256e32"}

// Layout of weight files.
const (
	TensorAlign = 64    // every weight starts on this
	FileAlign   = 16384 // weight files are padded to this
)

// Limits on what is read from a bundle.
const (
	MaxManifest = 16 << 20
	MaxSegment  = 16 << 20
	MaxFiles    = 4096
	MaxWeights  = 1 << 18
)
