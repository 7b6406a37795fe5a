package tensor

// Extent is where the bytes of a weight lie: Length bytes from Offset on of a
// file that is mapped as a whole. A bundle's weight files begin on a page and
// their weights at multiples of 64 bytes, so a device can take the mapping as
// its memory and address weights by offset, without a copy.
type Extent struct {
	File           string // path
	Offset, Length int64
	Mapping        []byte // the whole file, read-only, valid while its owner is open
}

// Bytes are the weight's part of the mapping.
func (e Extent) Bytes() []byte {
	return e.Mapping[e.Offset : e.Offset+e.Length : e.Offset+e.Length]
}
