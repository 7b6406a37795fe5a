package runtime

import (
	"fmt"
	"strings"

	"github.com/tessera-llm/tessera/internal/progress"
	"github.com/tessera-llm/tessera/runtime/backend"
)

// MemoryError says that a model needs more memory than it may have.
type MemoryError struct {
	Memory       // what it needs
	Bound  int64 // Options.MaxMemory
	// FitPositions is the most positions of each session with which it fits, and FitChunk the most
	// tokens of a step with which it fits at Memory.Positions; 0 where there is none.
	FitPositions, FitChunk int
}

func (e *MemoryError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s of %d tokens would take %s, more than the %s allowed: ", count(e.Sessions, "session"), e.Positions, progress.Bytes(e.Sum), progress.Bytes(e.Bound))
	var parts []string
	for _, p := range e.Parts() {
		if p.Bytes > 0 {
			parts = append(parts, p.Name+" "+progress.Bytes(p.Bytes))
		}
	}
	b.WriteString(strings.Join(parts, ", ") + "; ")
	switch {
	case e.FitPositions > 0 && e.FitChunk > 0:
		fmt.Fprintf(&b, "a context of %d tokens fits, or a chunk of %d", e.FitPositions, e.FitChunk)
	case e.FitPositions > 0:
		fmt.Fprintf(&b, "a context of %d tokens fits", e.FitPositions)
	case e.FitChunk > 0:
		fmt.Fprintf(&b, "a chunk of %d tokens fits", e.FitChunk)
	default:
		b.WriteString("no context and no chunk is small enough: allow more, or convert with a smaller --type")
	}
	return b.String()
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// Part is one summand of a Memory.
type Part struct {
	Name  string
	Bytes int64
}

// Parts lists what the sum is made of, always the same parts in the order of a table.
func (m *Memory) Parts() []Part {
	return []Part{
		{"weights", m.Weights},
		{"copies", m.Copies},
		{"states", m.States},
		{"growth", m.Growth},
		{"activations", m.Arena},
		{"logits", m.Logits},
		{"other buffers", m.Buffers - m.Logits},
		{"tables", m.Tables},
		{"scratch", m.Scratch},
		{"partials", m.Partials},
		{"tokenizer", m.Text},
		{"process", m.Process},
	}
}

// bounded holds o.MaxMemory; o is complete.
func (p *Program) bounded(o Options, size backend.Size) error {
	if o.MaxMemory == 0 {
		return nil
	}
	_, err := p.within(o, size, Load{Sessions: o.MaxSessions, Positions: o.Context, Rows: size.Rows}, o.MaxMemory)
	return err
}

// Within is Memory with a *MemoryError where the sum is more than bound bytes.
func (p *Program) Within(o Options, l Load, bound int64) (Memory, error) {
	size, err := p.steps(&o)
	if err != nil {
		return Memory{}, err
	}
	return p.within(o, size, l, bound)
}

// within is the sum at load l, with a *MemoryError where it is more than bound.
func (p *Program) within(o Options, size backend.Size, l Load, bound int64) (Memory, error) {
	m, err := p.memory(o, size, l)
	if err != nil || m.Sum <= bound {
		return m, err
	}
	fits := func(size backend.Size, positions int) bool {
		l := l
		l.Positions = positions
		m, err := p.memory(o, size, l)
		return err == nil && m.Sum <= bound
	}
	return m, &MemoryError{Memory: m, Bound: bound,
		FitPositions: largest(0, m.Positions, func(n int) bool { return fits(size, n) }),
		FitChunk:     largest(0, size.Tokens, func(n int) bool { return fits(backend.Size{Tokens: n, Rows: min(size.Rows, n)}, m.Positions) })}
}
