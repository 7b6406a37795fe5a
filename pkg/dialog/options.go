package dialog

import (
	"fmt"
	"math"
	"slices"

	"github.com/tessera-llm/tessera/pkg/chat"
	"github.com/tessera-llm/tessera/runtime/sampler"
)

// Options say how an answer is made.
type Options struct {
	// Sampler picks the tokens; nil is the model's own way, greedy where it states none.
	// The n-th answer of a conversation draws from Seed + n, so each has a seed of its own.
	Sampler   *sampler.Config
	MaxTokens int                   // 0: until a stop token, a stop string or a full context
	IgnoreEOS bool                  // go on behind stop tokens
	Bias      map[int32]float32     // added to the logits of ids; -Inf forbids one
	Stop      []string              // texts that end the answer before them
	Think     *bool                 // tell the template whether to think; nil: as it likes
	Variables *chat.Map             // further ones of the template; strings in them are untrusted
	Overflow  Overflow              // what is done when the messages do not fit into the context
	Tokens    bool                  // yield Token events, too
	Progress  func(done, total int) // of the prompt's tokens that are computed
	// Logits, when set, sees the logits of the whole vocabulary behind each step and may
	// change them before the token is chosen (runtime.GenerateOptions.Logits). An error ends
	// the answer with it.
	Logits func(logits []float32) error
}

// Overflow is what is done with a conversation that does not fit into the context.
type Overflow int

const (
	Refuse     Overflow = iota // a *runtime.ContextError
	DropOldest                 // leave out the oldest turns, never the system message or the last turn
)

// maxBias bounds a finite logit bias.
const maxBias = 1e6

// CheckBias refuses an id outside a vocabulary and a bias that means nothing.
func CheckBias(id int32, bias float32, vocab int) error {
	if id < 0 || int(id) >= vocab {
		return fmt.Errorf("token %d: want an id of 0 to %d", id, vocab-1)
	}
	return checkBias(bias)
}

func checkBias(bias float32) error {
	if bias != bias || bias > maxBias || bias < -maxBias && !math.IsInf(float64(bias), -1) {
		return fmt.Errorf("bias %v: want a bias of -1e6 to 1e6, or -inf", bias)
	}
	return nil
}

// check refuses options that mean nothing with l.
func (o *Options) check(l *Language) error {
	if o.Sampler != nil {
		if err := o.Sampler.Check(); err != nil {
			return err
		}
	}
	if o.MaxTokens < 0 {
		return fmt.Errorf("at most %d tokens: want 0 (no limit) or more", o.MaxTokens)
	}
	if o.Overflow != Refuse && o.Overflow != DropOldest {
		return fmt.Errorf("overflow %d is unknown", int(o.Overflow))
	}
	for id, b := range o.Bias {
		if err := checkBias(b); err != nil {
			return fmt.Errorf("token %d: %w", id, err)
		}
	}
	return CheckStop(o.Stop, l)
}

// CheckStop refuses stop strings that mean nothing with l.
func CheckStop(stop []string, l *Language) error {
	if len(stop) > 0 && l.tok == nil {
		return fmt.Errorf("stop strings with a model that has no tokenizer")
	}
	if slices.Contains(stop, "") {
		return fmt.Errorf("a stop string is empty: an empty text stands everywhere")
	}
	return nil
}

// sampling is the sampler's configuration for answer number n.
func (o *Options) sampling(l *Language, n uint64) sampler.Config {
	c := l.sampling
	if o.Sampler != nil {
		c = *o.Sampler
	}
	c.Seed += n
	return c
}
