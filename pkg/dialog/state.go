package dialog

import (
	"context"
	"errors"
	"fmt"

	"github.com/tessera-llm/tessera/pkg/statefile"
	"github.com/tessera-llm/tessera/runtime/backend"
)

// Keeper is a Sequence whose content can be carried to another process. Sessions of
// runtime and of runtime/scheduler are.
type Keeper interface {
	Sequence
	// Save returns copies of the ids held and of their states.
	Save(ctx context.Context) ([]int32, []backend.StateData, error)
	// Load replaces what is held; after an error it is as it was.
	Load(ctx context.Context, ids []int32, states []backend.StateData) error
}

// SaveState writes to a file what the sequence holds of the conversation, ids and states, so
// that LoadState spares reading it again; the messages are for Save. bundle is the digest of
// the bundle that is run (format.Bundle.Digest). Only the owner can read the file.
func (c *Conversation) SaveState(ctx context.Context, path, bundle string) error {
	k, leave, err := c.keeper(ctx, bundle)
	if err != nil {
		return err
	}
	defer leave()
	ids, states, err := k.Save(ctx)
	if err != nil {
		return err
	}
	return statefile.WriteSequence(path, bundle, ids, states)
}

// LoadState puts into the sequence what SaveState wrote, with the same bundle and cache type.
// What the next prompt has in common with it is not computed again. After an error the
// sequence is as it was.
func (c *Conversation) LoadState(ctx context.Context, path, bundle string) error {
	k, leave, err := c.keeper(ctx, bundle)
	if err != nil {
		return err
	}
	defer leave()
	f, err := statefile.Read(path)
	if err != nil {
		return err
	}
	switch {
	case f.Bundle != bundle:
		return fmt.Errorf("state %s was made with another bundle (manifest sha256 %.12s, want %.12s): use the bundle that wrote it", path, f.Bundle, bundle)
	case f.IDs == nil:
		return fmt.Errorf("state %s is of a segment, not of a conversation", path)
	}
	if err := k.Load(ctx, f.IDs, f.States); err != nil {
		return fmt.Errorf("state %s: %w", path, err)
	}
	return nil
}

// keeper begins to use the sequence as a Keeper, while there is no answer.
func (c *Conversation) keeper(ctx context.Context, bundle string) (k Keeper, leave func(), err error) {
	k, ok := c.Sequence().(Keeper)
	switch {
	case ctx == nil:
		return nil, nil, errNoContext
	case c.Sequence() == nil:
		return nil, nil, errNotBegun
	case !ok:
		return nil, nil, errors.New("the state of this kind of sequence cannot be kept")
	case bundle == "":
		return nil, nil, errors.New("a state belongs to a bundle, but the model is a checkpoint in memory: open it as a bundle, or through the cache")
	}
	leave, err = c.enter()
	return k, leave, err
}
