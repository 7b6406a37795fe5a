package safetensors

import (
	"encoding/json"
	"fmt"
	"strconv"

	lib "github.com/nlpodyssey/safetensors"

	"github.com/tessera-llm/tessera/internal/jsonscan"
	"github.com/tessera-llm/tessera/pkg/tensor"
)

const keyMetadata = "__metadata__"

// entry is one tensor of a header: found by the scan, then decoded.
type entry struct {
	name       string
	dtype      dtype
	raw        []byte // the entry's JSON object
	dtypeFrom  int    // where the value of dtype stands in raw
	dtypeTo    int
	shape      tensor.Shape
	begin, end uint64
}

// scan walks a header, checks its grammar and returns entries that are not
// decoded yet, and __metadata__ in file order.
func scan(text []byte) (entries []entry, meta []tensor.KV, err error) {
	s := jsonscan.New(text)
	err = s.Object(func(key string) error {
		if key == keyMetadata {
			return s.Object(func(k string) error {
				v, err := s.String()
				if err != nil {
					return fmt.Errorf("%s %.80q: %w", keyMetadata, k, err)
				}
				meta = append(meta, tensor.KV{Key: k, Value: v})
				return nil
			})
		}
		e, err := scanEntry(s, text)
		if err != nil {
			return fmt.Errorf("tensor %.200q: %w", key, err)
		}
		e.name = key
		entries = append(entries, e)
		return nil
	})
	if err == nil {
		err = s.End()
	}
	return entries, meta, err
}

// scanEntry checks that the next value is an object with exactly dtype, shape
// and data_offsets, of bounded size.
func scanEntry(s *jsonscan.Scanner, text []byte) (e entry, err error) {
	s.Peek()
	from := s.Pos()
	var name string
	seen := 0
	err = s.Object(func(key string) (err error) {
		seen++
		switch key {
		case "dtype":
			s.Peek()
			e.dtypeFrom = s.Pos() - from
			name, err = s.String()
			e.dtypeTo = s.Pos() - from
		case "shape":
			err = scanNumbers(s, key, tensor.MaxRank)
		case "data_offsets":
			err = scanNumbers(s, key, 2)
		default:
			err = fmt.Errorf("unknown key %.80q", key)
		}
		return err
	})
	if err != nil {
		return e, err
	}
	if seen != 3 {
		return e, fmt.Errorf("entry has %d keys, want dtype, shape and data_offsets", seen)
	}
	if e.raw = text[from:s.Pos()]; len(e.raw) > maxEntry {
		return e, fmt.Errorf("entry of %d bytes, at most %d are allowed", len(e.raw), maxEntry)
	}
	e.dtype, err = dtypeNamed(name)
	return e, err
}

// scanNumbers checks an array of at most limit numbers.
func scanNumbers(s *jsonscan.Scanner, key string, limit int) error {
	return s.Array(func(i int) error {
		if i == limit {
			return fmt.Errorf("%s has more than %d values", key, limit)
		}
		raw, err := s.Raw()
		if err != nil {
			return err
		}
		if _, err := strconv.ParseUint(string(raw[:min(len(raw), 40)]), 10, 63); err != nil {
			return fmt.Errorf("%s holds %.40q, want an integer from 0 to 2^63-1", key, raw)
		}
		return nil
	})
}

// decodeEntries fills shape and offsets, batch by batch, through the library.
func decodeEntries(entries []entry) error {
	for from := 0; from < len(entries); from += batch {
		if err := decodeBatch(entries[from:min(from+batch, len(entries))]); err != nil {
			return err
		}
	}
	return nil
}

// decodeBatch hands the library a header with the entries under their numbers,
// types it does not know replaced by U8.
func decodeBatch(entries []entry) error {
	text := []byte{'{'}
	for i, e := range entries {
		if i > 0 {
			text = append(text, ',')
		}
		text = append(strconv.AppendQuote(text, strconv.Itoa(i)), ':')
		if e.dtype.ext {
			text = append(append(text, e.raw[:e.dtypeFrom]...), `"U8"`...)
			text = append(text, e.raw[e.dtypeTo:]...)
		} else {
			text = append(text, e.raw...)
		}
	}
	var m lib.Metadata
	if err := json.Unmarshal(append(text, '}'), &m); err != nil {
		return fmt.Errorf("tensors %.80q to %.80q: %w", entries[0].name, entries[len(entries)-1].name, err)
	}
	decoded := m.Tensors()
	for i := range entries {
		e := &entries[i]
		info, ok := decoded[strconv.Itoa(i)]
		if !ok || info.DType != e.dtype.lib {
			return fmt.Errorf("tensor %.200q: dtype %s was decoded differently", e.name, e.dtype.name)
		}
		e.shape = make(tensor.Shape, len(info.Shape))
		for d, n := range info.Shape {
			e.shape[d] = int64(n) // at most 2^63-1, see scanNumbers
		}
		e.begin, e.end = info.DataOffsets[0], info.DataOffsets[1]
	}
	return nil
}
