package gguf

// Limits of what is accepted, besides the file's own size. They are far above
// every published model and keep a hostile header cheap.
const (
	MaxHeader      = 512 << 20 // bytes of header: metadata, tensor list and padding
	MaxString      = 256 << 20 // bytes of one string value
	MaxKeys        = 1 << 14   // metadata entries
	MaxTensors     = 1 << 16   // tensors of one shard
	MaxKeyName     = 65535     // bytes of a key, the limit of the format
	MaxTensorName  = 63        // bytes of a tensor name, the limit of the reference reader
	MaxDims        = 4         // dimensions of a tensor
	MaxAlignment   = 1 << 20   // bytes
	MaxShards      = 9999      // shards of a split
	defaultAlign   = 32        // alignment when general.alignment is absent
	minKVBytes     = 8 + 1 + 4 + 1
	minTensorBytes = 8 + 1 + 4 + 4 + 8
)
