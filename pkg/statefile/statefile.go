package statefile

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/tessera-llm/tessera/internal/disk"
	"github.com/tessera-llm/tessera/internal/mmap"
	"github.com/tessera-llm/tessera/pkg/codec"
	"github.com/tessera-llm/tessera/pkg/safetensors"
	"github.com/tessera-llm/tessera/pkg/tensor"
	"github.com/tessera-llm/tessera/runtime/backend"
)

// File is the content of a state file.
type File struct {
	Bundle string // digest of the bundle
	KV     string // cache type
	Len    int    // positions of the sequence
	States []backend.StateData
	IDs    []int32 // of the sequence, Len of them; nil in the file of a segment, which does not know them
}

// Codecs is KV where it names codecs, and "" for a type of a backend's own, such as that of
// the reference, which is none that one can ask for.
func (f *File) Codecs() string {
	if _, err := codec.ParsePair(f.KV); err != nil {
		return ""
	}
	return f.KV
}

// version of the file; readers refuse others. 3 has "sha256".
const version = "3"

// Write writes the states of a segment, of one cache type and length, as the file at path.
// It is written beside, under a name that no other file has, and renamed.
func Write(path, bundle string, states []backend.StateData) error {
	return writeFile(path, bundle, nil, states, 0o666)
}

// WriteSequence is Write for the states of a whole sequence with its ids. Only the owner can
// read the file: ids are a text.
func WriteSequence(path, bundle string, ids []int32, states []backend.StateData) error {
	if len(states) > 0 && states[0].Len != len(ids) {
		return fmt.Errorf("%s: state %s holds %d positions of %d ids", path, states[0].Name, states[0].Len, len(ids))
	}
	if ids == nil {
		ids = []int32{}
	}
	return writeFile(path, bundle, ids, states, 0o600)
}

func writeFile(path, bundle string, ids []int32, states []backend.StateData, mode os.FileMode) error {
	if len(states) == 0 {
		return fmt.Errorf("%s: no states to write", path)
	}
	all := &File{Bundle: bundle, KV: states[0].KV, Len: states[0].Len, States: states, IDs: ids}
	o := safetensors.Options{Metadata: []tensor.KV{{Key: "tessera_state", Value: version}, {Key: "bundle", Value: bundle},
		{Key: "kv_type", Value: all.KV}, {Key: "len", Value: strconv.Itoa(all.Len)}, {Key: "sha256", Value: all.digest()}}}
	var from []string
	for _, s := range states {
		if s.KV != all.KV || s.Len != all.Len {
			return fmt.Errorf("%s: state %s holds %d positions of %s, %s holds %d of %s", path, s.Name, s.Len, s.KV, states[0].Name, all.Len, all.KV)
		}
		from = append(from, strconv.Itoa(s.From))
		o.Tensors = append(o.Tensors, tensor.Info{Name: s.Name, Type: tensor.U8, Shape: tensor.Shape{int64(len(s.Data))}})
	}
	o.Metadata = append(o.Metadata, tensor.KV{Key: "from", Value: strings.Join(from, ",")})
	if ids != nil {
		o.Metadata = append(o.Metadata, tensor.KV{Key: "ids", Value: joinIDs(ids)})
	}
	if err := disk.Replace(path, mode, func(f *os.File) error { return write(f, o, states) }); err != nil {
		return fmt.Errorf("write state %s: %w", path, err)
	}
	return nil
}

// digest is the SHA-256 of all that the file says, in hex.
func (f *File) digest() string {
	h := sha256.New()
	fmt.Fprintf(h, "%q %q %d %t %s\n", f.Bundle, f.KV, f.Len, f.IDs != nil, joinIDs(f.IDs))
	for _, s := range f.States {
		fmt.Fprintf(h, "%q %d %d\n", s.Name, s.From, len(s.Data))
		h.Write(s.Data)
	}
	return hex.EncodeToString(h.Sum(nil))
}

func joinIDs(ids []int32) string {
	var b []byte
	for i, id := range ids {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, int64(id), 10)
	}
	return string(b)
}

// splitIDs reads what joinIDs wrote: n ids.
func splitIDs(text string, n int) ([]int32, error) {
	ids := []int32{}
	if text != "" {
		for id := range strings.SplitSeq(text, ",") {
			v, err := strconv.ParseInt(id, 10, 32)
			if err != nil || v < 0 {
				return nil, fmt.Errorf("metadata ids has %.20q, want a token id", id)
			}
			ids = append(ids, int32(v))
		}
	}
	if len(ids) != n {
		return nil, fmt.Errorf("metadata ids has %d of them for %d positions", len(ids), n)
	}
	return ids, nil
}

func write(f *os.File, o safetensors.Options, states []backend.StateData) error {
	w, err := safetensors.NewWriter(f, o)
	if err != nil {
		return err
	}
	for _, s := range states {
		if err := w.Write(s.Name, bytes.NewReader(s.Data)); err != nil {
			return err
		}
	}
	return w.Close()
}

// Read reads the file at path. Whether the data fit a state is for the
// backend's Load to say.
func Read(path string) (*File, error) {
	src, err := safetensors.Open(path)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	f := &File{}
	from, sum, err := f.metadata(src.Metadata())
	if err == nil && len(from) != len(src.Tensors()) {
		err = fmt.Errorf("metadata from has %d numbers for %d states", len(from), len(src.Tensors()))
	}
	if err != nil {
		return nil, fmt.Errorf("state %s: %w", path, err)
	}
	for i, t := range src.Tensors() {
		if t.Type != tensor.U8 || len(t.Shape) != 1 {
			return nil, fmt.Errorf("state %s: tensor %.60q is %s%v, want u8 of rank 1", path, t.Name, t.Type, t.Shape)
		}
		view, err := src.Tensor(t.Name)
		if err != nil {
			return nil, err
		}
		var data []byte
		if err := mmap.Guard(func() error { data = bytes.Clone(view.Data); return nil }); err != nil {
			return nil, fmt.Errorf("state %s: %w", path, err)
		}
		f.States = append(f.States, backend.StateData{Name: t.Name, KV: f.KV, From: from[i], Len: f.Len, Data: data})
	}
	if len(f.States) == 0 {
		return nil, fmt.Errorf("state %s holds no states", path)
	}
	if got := f.digest(); got != sum {
		return nil, fmt.Errorf("state %s is damaged: its SHA-256 is %s, metadata sha256 says %.70q: write it again, or copy it again", path, got, sum)
	}
	return f, nil
}

// metadata reads what the states have in common, the first position of each, and the digest
// that the file must have.
func (f *File) metadata(kv []tensor.KV) (from []int, sum string, err error) {
	v, n, first := "", "", ""
	var ids *string
	for _, e := range kv {
		switch e.Key {
		case "tessera_state":
			v = e.Value
		case "bundle":
			f.Bundle = e.Value
		case "kv_type":
			f.KV = e.Value
		case "len":
			n = e.Value
		case "from":
			first = e.Value
		case "sha256":
			sum = e.Value
		case "ids":
			ids = &e.Value
		default:
			return nil, "", fmt.Errorf("unknown metadata %.40q", e.Key)
		}
	}
	if v != version {
		return nil, "", fmt.Errorf("metadata tessera_state is %.20q, want %q: not a state that this program's --state-out wrote", v, version)
	}
	if f.Len, err = strconv.Atoi(n); err != nil || f.Len < 0 {
		return nil, "", fmt.Errorf("metadata len is %.20q, want a number of positions", n)
	}
	for text := range strings.SplitSeq(first, ",") {
		p, err := strconv.Atoi(text)
		if err != nil || p < 0 || p > f.Len {
			return nil, "", fmt.Errorf("metadata from has %.20q, want a position up to %d", text, f.Len)
		}
		from = append(from, p)
	}
	if ids != nil {
		f.IDs, err = splitIDs(*ids, f.Len)
	}
	return from, sum, err
}
