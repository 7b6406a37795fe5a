// Package scheduler lets sessions of many goroutines share one runtime.Model.
//
// A Scheduler owns a model. Its sessions are used as those of the model are, each by a
// goroutine of its own; what they append at the same time goes into one step, which reads
// the weights once for all of them. Sessions join and leave between steps, and what a
// session says is what it says alone, bit by bit, whatever the others do.
//
// # Steps
//
// There is no goroutine of the scheduler's own. Who asks for a step while the model is free
// runs it, with whatever else waits, in its own goroutine, and hands the others what came
// out. A session that is alone therefore steps its model directly.
//
// A step takes first what cannot be divided, which is the next token of every session that
// decodes, then prompts: as many of their tokens as the model's MaxChunk leaves room for,
// but beside decode no more than Options.PrefillTokens, in the order in which their calls
// came. So a long prompt holds up the short one behind it; shares by user are a server's
// business.
//
// Behind a step its sessions are about to ask for the next one, and a step without them
// would read all weights for a few. So a step waits for those that were in the last one,
// for an eighth of the time that it took; who comes later than that joins a later step and
// is not waited for until it has been quick once more.
//
// # Errors
//
// What is wrong with one session, a cancelled context too, is its own: it is as before its
// append, and nobody else notices. An append that waits leaves at once when its context
// ends, one in a step when the step is over, or at once where it is alone in it. An error
// of the device is that of all sessions in the step, which are as before; the next step is
// a new one.
//
// Functions of the user, the body of a loop over Generate and those that see logits or are
// told progress, run in the user's goroutine while the model goes on with the others; they may
// use the session, and a panic in them is theirs.
//
// Start with scheduler.go, then turn.go.
package scheduler
