package quant

// badHalf finds the first block with a non-finite half at offset off, or -1.
func badHalf(data []byte, block, off int) int {
	for i := 0; i+block <= len(data); i += block {
		if !f16Finite(le16(data[i+off:])) {
			return i / block
		}
	}
	return -1
}

// badPair is badHalf for two adjacent halves.
func badPair(data []byte, block, off int) int {
	for i := 0; i+block <= len(data); i += block {
		if !f16Finite(le16(data[i+off:])) || !f16Finite(le16(data[i+off+2:])) {
			return i / block
		}
	}
	return -1
}
