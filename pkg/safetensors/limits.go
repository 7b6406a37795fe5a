package safetensors

// Limits of what is accepted, besides the file's own size.
const (
	MaxHeader = 100_000_000 // bytes of JSON, the limit of the reference reader
	MaxIndex  = 64 << 20    // bytes of an index file
	MaxShards = 9999        // files of a sharded model
	maxEntry  = 4096        // bytes of one tensor's entry, name excluded
	batch     = 256         // entries decoded at a time
)
