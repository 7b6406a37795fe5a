package pack

// put writes the scales of row r to a record.
func (s *scales) put(f *Format, rec []byte, r int) {
	le.PutUint16(rec[2*r:], s.d[0])
	switch {
	case f.Scale == ScaleI8:
		col := (*[256]byte)(rec[f.Sub:])[r:]
		for j := range 8 {
			col[16*j] = byte(s.sc[0] >> (8 * j))
			col[128+16*j] = byte(s.sc[1] >> (8 * j))
		}
	case f.Scale == ScaleU6:
		le.PutUint16(rec[f.Min+2*r:], s.m[0])
		col := (*[128]byte)(rec[f.Sub:])[r:]
		for j := range 8 {
			col[16*j] = byte(s.sc[0] >> (8 * j))
		}
		pairs := (*[128]byte)(rec[f.SubMin:])[2*r:]
		for j := range 4 {
			le.PutUint16(pairs[32*j:], uint16(s.mn>>(16*j)))
		}
	default:
		le.PutUint16(rec[32+2*r:], s.d[1])
		if f.HasMin() {
			le.PutUint16(rec[f.Min+2*r:], s.m[0])
			le.PutUint16(rec[f.Min+32+2*r:], s.m[1])
		}
	}
}

// get is the inverse of put.
func (s *scales) get(f *Format, rec []byte, r int) {
	s.d[0] = le.Uint16(rec[2*r:])
	switch {
	case f.Scale == ScaleI8:
		s.sc = [2]uint64{}
		for j := range 16 {
			s.sc[j/8] |= uint64(rec[f.Sub+16*j+r]) << (8 * (j % 8))
		}
	case f.Scale == ScaleU6:
		s.m[0] = le.Uint16(rec[f.Min+2*r:])
		s.sc[0], s.mn = 0, 0
		for j := range 8 {
			s.sc[0] |= uint64(rec[f.Sub+16*j+r]) << (8 * j)
		}
		for j := range 4 {
			s.mn |= uint64(le.Uint16(rec[f.SubMin+32*j+2*r:])) << (16 * j)
		}
	default:
		s.d[1] = le.Uint16(rec[32+2*r:])
		if f.HasMin() {
			s.m[0] = le.Uint16(rec[f.Min+2*r:])
			s.m[1] = le.Uint16(rec[f.Min+32+2*r:])
		}
	}
}

// get reads row r of a record.
func (c *column) get(f *Format, rec []byte, r int) {
	c.s.get(f, rec, r)
	v := rec[f.Low+4*r : f.Size]
	for i := range f.LowVectors + f.HighVectors {
		c.w[i] = le.Uint32(v[64*i:])
	}
}

// packer interleaves the records of a panel.
type packer struct {
	f *Format
	w [PanelRows]words
}

// pack writes the records of one panel: rows rows of blocks blocks, row r at
// src[r*stride]; the records fill dst exactly. With strict set, a scale that is
// not finite is an error; first is the row of the panel's first in the source.
func (p *packer) pack(dst, src []byte, stride, rows, blocks int, strict bool, first int64) error {
	f := p.f
	var s scales
	per := f.Channels / f.elems // blocks per record
	for i := 0; len(dst) > 0; i, dst = i+per, dst[f.Size:] {
		rec := dst[:f.Size]
		if f.Scale == ScaleI8 { // nothing else stands between d and the scales
			clear(rec[2*PanelRows : f.Sub])
		}
		for r := range PanelRows {
			w := &p.w[r]
			n := min(per, blocks-i) // blocks that are there
			if r >= rows {
				n = 0
			}
			if n < per {
				f.clear(w, &s)
			}
			for h := range n {
				b := src[r*stride+(i+h)*f.bytes:][:f.bytes]
				if f.elems == 256 {
					f.read256(w, &s, b)
				} else {
					f.read32(w, &s, b, h)
				}
				if strict {
					if err := s.refusal(f, h, first+int64(r), int64(i+h)); err != nil {
						return err
					}
				}
				if f.elems == 256 {
					f.rewrite256(w, &s)
				} else {
					f.rewrite32(w, &s, h)
				}
			}
			s.put(f, rec, r)
		}
		transposeWords(rec[f.Low:], &p.w, f.LowVectors+f.HighVectors)
	}
	return nil
}
