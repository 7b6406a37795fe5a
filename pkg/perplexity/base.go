package perplexity

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"

	"github.com/tessera-llm/tessera/internal/disk"
)

// A base file is, little-endian: "_logits_", int32 window, int32 vocabulary,
// int32 windows, the int32 token ids of all windows; then for every scored
// token of every window float32 scale, float32 min and one uint16 u per id, and
// two bytes more when the vocabulary is odd: the log-probability is
// scale·u + min. Log-probabilities more than 16 below the largest count as
// zero probability (u = 0).
const (
	baseMagic = "_logits_"
	baseHead  = 20
	baseRange = 16 // nats
)

// Limits of a base file, beside its own size.
const (
	maxWindow = 1 << 20
	maxVocab  = 1 << 24
)

// layout of a base file.
type layout struct{ window, vocab, windows int }

// rows is the number of scored tokens per window.
func (l layout) rows() int { return l.window - 1 - l.window/2 }

// rowBytes is the size of one scored token.
func (l layout) rowBytes() int { return 2 * (2*((l.vocab+1)/2) + 4) }

func (l layout) data() int64 { return baseHead + 4*int64(l.window)*int64(l.windows) }

// Base is an open base file.
type Base struct {
	Window, Vocab, Windows int
	IDs                    []int32 // of all windows

	layout
	f    *os.File
	path string
	buf  []byte // rows of the loaded window
}

// OpenBase opens the base file at path.
func OpenBase(path string) (*Base, error) {
	st, err := os.Stat(path) // before Open: a pipe would block
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: not a regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	b := &Base{f: f, path: path}
	if err := b.read(st.Size()); err != nil {
		f.Close()
		return nil, fmt.Errorf("base file %s: %w", path, err)
	}
	return b, nil
}

// Close closes the file.
func (b *Base) Close() error { return b.f.Close() }

func (b *Base) read(size int64) error {
	var head [baseHead]byte
	if _, err := b.f.ReadAt(head[:], 0); err != nil && err != io.EOF {
		return err
	}
	if string(head[:8]) != baseMagic {
		return fmt.Errorf("it starts with %q, want %q: not a file that --kl-save or llama-perplexity --kl-divergence-base wrote", head[:8], baseMagic)
	}
	field := func(i int) int { return int(int32(binary.LittleEndian.Uint32(head[8+4*i:]))) }
	b.layout = layout{field(0), field(1), field(2)}
	l := b.layout
	if l.window < 4 || l.window > maxWindow || l.vocab < 1 || l.vocab > maxVocab || l.windows < 1 {
		return fmt.Errorf("%d windows of %d tokens, vocabulary %d: out of range", l.windows, l.window, l.vocab)
	}
	// The factors are below 2^31, 2^20 and 2^25; their product could overflow.
	perWindow := int64(l.rows()) * int64(l.rowBytes())
	if int64(l.windows) > size/perWindow || l.data()+int64(l.windows)*perWindow != size {
		return fmt.Errorf("%d bytes are not %d windows of %d tokens with a vocabulary of %d: the file is incomplete or damaged", size, l.windows, l.window, l.vocab)
	}
	b.Window, b.Vocab, b.Windows = l.window, l.vocab, l.windows
	raw := make([]byte, l.data()-baseHead)
	if _, err := b.f.ReadAt(raw, baseHead); err != nil {
		return err
	}
	b.IDs = make([]int32, len(raw)/4)
	for i := range b.IDs {
		b.IDs[i] = int32(binary.LittleEndian.Uint32(raw[4*i:]))
		if b.IDs[i] < 0 || int(b.IDs[i]) >= l.vocab {
			return fmt.Errorf("token %d is id %d, outside the vocabulary of %d", i, b.IDs[i], l.vocab)
		}
	}
	b.buf = make([]byte, perWindow)
	return nil
}

// load reads the rows of window w.
func (b *Base) load(w int) error {
	if w >= b.Windows {
		return fmt.Errorf("base file %s holds %d windows", b.path, b.Windows)
	}
	if _, err := b.f.ReadAt(b.buf, b.data()+int64(w)*int64(len(b.buf))); err != nil {
		return fmt.Errorf("base file %s: %w", b.path, err)
	}
	return nil
}

// compare judges logits, whose log-sum-exp is lse and whose largest is best,
// by row i of the loaded window.
func (b *Base) compare(i int, logits []float32, lse float64, best int, next int32, r *row) {
	rec := b.buf[i*b.rowBytes():]
	scale := float64(math.Float32frombits(binary.LittleEndian.Uint32(rec)))
	low := float64(math.Float32frombits(binary.LittleEndian.Uint32(rec[4:])))
	rec = rec[8:]
	var kl float64
	var top uint16
	for j, l := range logits {
		u := binary.LittleEndian.Uint16(rec[2*j:])
		top = max(top, u)
		if lp := scale*float64(u) + low; lp > -baseRange {
			kl += math.Exp(lp) * (lp - float64(l) + lse)
		}
	}
	r.kl = kl
	// Ids so close that the file cannot tell them apart share the top.
	r.same = binary.LittleEndian.Uint16(rec[2*best:]) == top
	r.base = -(scale*float64(binary.LittleEndian.Uint16(rec[2*next:])) + low)
	if math.IsNaN(r.kl) || math.IsInf(r.kl, 0) || math.IsNaN(r.base) {
		r.err = fmt.Errorf("base file %s: the row of scored token %d is no distribution", b.path, i)
	}
}

// BaseWriter writes a base file.
type BaseWriter struct {
	layout
	f    *os.File
	path string
	buf  []byte
	left int // windows to come
}

// CreateBase begins a base file for the windows that o makes of ids. It
// appears at path when Close succeeds.
func CreateBase(path string, ids []int32, vocab int, o Options) (*BaseWriter, error) {
	l := layout{o.Window, vocab, o.Windows(ids)}
	if l.window < 4 || l.window > maxWindow || l.vocab < 1 || l.vocab > maxVocab || l.windows < 1 || o.ScoreAll {
		return nil, fmt.Errorf("a base file of %d windows of %d tokens, vocabulary %d, cannot be written", l.windows, l.window, l.vocab)
	}
	f, err := disk.Beside(path, 0o666)
	if err != nil {
		return nil, err
	}
	w := &BaseWriter{layout: l, f: f, path: path, left: l.windows, buf: make([]byte, l.rows()*l.rowBytes())}
	head := []byte(baseMagic)
	for _, n := range []int{l.window, l.vocab, l.windows} {
		head = binary.LittleEndian.AppendUint32(head, uint32(n))
	}
	for _, id := range ids[:l.window*l.windows] {
		head = binary.LittleEndian.AppendUint32(head, uint32(id))
	}
	if _, err := f.Write(head); err != nil {
		w.Abort()
		return nil, err
	}
	return w, nil
}

// encode stores the log-probabilities of scored token i of the window.
func (w *BaseWriter) encode(i int, logits []float32, top float32, lse float64) {
	low := top
	for _, l := range logits {
		low = min(low, l)
	}
	low = max(low, top-baseRange)
	rec := w.buf[i*w.rowBytes() : (i+1)*w.rowBytes()]
	clear(rec)
	scale := (top - low) / 65535
	binary.LittleEndian.PutUint32(rec, math.Float32bits(scale))
	binary.LittleEndian.PutUint32(rec[4:], math.Float32bits(float32(float64(low)-lse)))
	if scale == 0 {
		return
	}
	rec = rec[8:]
	for j, l := range logits {
		if l > low {
			u := math.RoundToEven(float64(l-low) / float64(scale))
			binary.LittleEndian.PutUint16(rec[2*j:], uint16(min(u, 65535)))
		}
	}
}

// flush writes the rows of a finished window.
func (w *BaseWriter) flush() error {
	w.left--
	_, err := w.f.Write(w.buf)
	return err
}

// Close completes the file; it fails when windows are missing.
func (w *BaseWriter) Close() error {
	var err error
	if w.left != 0 {
		err = fmt.Errorf("%d windows are missing", w.left)
	}
	if e := w.f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(w.f.Name(), w.path)
	}
	if err != nil {
		os.Remove(w.f.Name())
		err = fmt.Errorf("write base file %s: %w", w.path, err)
	}
	w.f = nil
	return err
}

// Abort removes an unfinished file; it does nothing behind Close.
func (w *BaseWriter) Abort() {
	if w.f != nil {
		w.f.Close()
		os.Remove(w.f.Name())
		w.f = nil
	}
}
