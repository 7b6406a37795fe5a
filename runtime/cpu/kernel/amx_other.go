//go:build !linux || !amd64

package kernel

// haveAMX: other systems are not asked for the tile registers.
const haveAMX = false
