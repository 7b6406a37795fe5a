package digests

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"math"
	"os"
	"testing"

	"github.com/tessera-llm/tessera/pkg/checkpoint"
	"github.com/tessera-llm/tessera/pkg/model"
	"github.com/tessera-llm/tessera/runtime"
	"github.com/tessera-llm/tessera/runtime/cpu"
	"github.com/tessera-llm/tessera/runtime/cpu/kernel"
)

// program is a row's model in memory, fused or plain.
type program struct {
	ck    *checkpoint.Checkpoint
	plans [2]*runtime.Program // plain second
}

// programs keeps the last program: rows that differ in the codec share it. So a
// checkpoint that is written for it outlives the test of a row and stands in a
// folder of all rows.
type programs struct {
	dir  string
	key  row // without the codec
	last *program
	// ck is the checkpoint of model and typ, shared by the schemes.
	ck         *checkpoint.Checkpoint
	keep       bool
	model, typ string
}

// close unmaps the checkpoint, then removes what was written for it: some
// systems remove no file that is mapped.
func (p *programs) close() error {
	var err error
	if p.ck != nil {
		err = errors.Join(p.ck.Close(), os.RemoveAll(written(p.dir)))
	}
	*p = programs{dir: p.dir}
	return err
}

// get returns the program of r, made on first use.
func (p *programs) get(t testing.TB, r row, plain bool) (*runtime.Program, error) {
	t.Helper()
	if p.ck == nil || p.model != r.model || p.typ != r.typ && isSynthetic(r.model) {
		if err := p.close(); err != nil {
			return nil, err
		}
		p.ck, p.keep = source(t, p.dir, r.model, r.typ)
		p.model, p.typ = r.model, r.typ
	}
	key := r
	key.codec = ""
	if p.last == nil || p.key != key {
		p.key, p.last = key, &program{}
	}
	i := 0
	if plain {
		i = 1
	}
	if p.last.plans[i] == nil {
		q, err := plan(p.ck, r, p.keep, plain)
		if err != nil {
			return nil, err
		}
		p.last.plans[i] = q.Program(2)
	}
	return p.last.plans[i], nil
}

// dims are what decides which rows a model has.
type dims struct{ hidden, head int64 }

func dimsOf(t testing.TB, name string) dims {
	t.Helper()
	if s, ok := synthetic[name]; ok {
		return dims{s.hidden, s.headDim}
	}
	ck, _ := source(t, "", name, "keep") // a committed one
	defer ck.Close()
	m, err := model.Build(ck, model.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return dims{m.Config.Hidden, m.Config.Layers[0].Attn.HeadDim}
}

// compute runs r in the way w: the digests of the first few tokens' logits and
// of all of the way's tokens.
func compute(p *runtime.Program, r row, w way) (d digests, err error) {
	if c := p.Meta.ContextLength; c > 0 {
		w.tokens = min(w.tokens, c) // a model made for less runs what it was made for
	}
	if best, err := kernel.Best(); err != nil || best.String() != w.tier {
		return d, fmt.Errorf("%s is masked for tier %s and gives %v (%v)", kernel.TierEnv, w.tier, best, err)
	}
	prog := *p
	prog.Close = nil
	m, err := runtime.New(&prog, runtime.Options{Backend: cpu.Backend{}, Threads: w.threads, MaxChunk: w.tokens, Context: w.tokens, KVType: r.codec})
	if err != nil {
		return d, err
	}
	defer m.Close()
	s, err := m.NewSession()
	if err != nil {
		return d, err
	}
	ids := tokens(w.tokens, m.Meta().Vocab)
	sum, at := sha256.New(), 0
	for _, n := range w.cut() {
		err := s.Logits(context.Background(), ids[at:at+n], func(i int, logits []float32) error {
			add(sum, logits)
			if at+i+1 == few {
				d.few = hexOf(sum)
			}
			return nil
		})
		if err != nil {
			return d, fmt.Errorf("call of %d tokens at %d: %w", n, at, err)
		}
		at += n
	}
	d.all, d.tokens = hexOf(sum), at
	return d, nil
}

// tokens are the ids that every row sees.
func tokens(n, vocab int) []int32 {
	ids := make([]int32, n)
	x := uint64(seed)
	for i := range ids {
		x = x*6364136223846793005 + 1442695040888963407
		ids[i] = int32((x >> 33) % uint64(vocab))
	}
	return ids
}

// add hashes the bits of x. The payload of a NaN is not defined: all count as
// one.
func add(h hash.Hash, x []float32) {
	b := make([]byte, 4*len(x))
	for i, f := range x {
		u := math.Float32bits(f)
		if f != f {
			u = 0x7fc00000
		}
		binary.LittleEndian.PutUint32(b[4*i:], u)
	}
	h.Write(b)
}

// hexOf is the first 8 bytes of the digest so far.
func hexOf(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)[:8]) }
