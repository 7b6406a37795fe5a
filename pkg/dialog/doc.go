// Package dialog holds conversations with a model: messages become a prompt, tokens
// become an answer.
//
// A Language is how a model reads and writes: tokenizer, chat template, stop tokens. A
// Conversation is messages and the Sequence that holds them in the model, a
// runtime.Session or one of a scheduler. Its answers are events: text, reasoning, the
// marks around reasoning, and at the end one that says why it ended, what it took and
// the whole text.
//
// Invariants:
//   - What a user wrote is text. A control token in a prompt comes from the chat template
//     or from a text that the program marked chat.Trusted, never from a message, a
//     variable or a text to go on with, however they are spelt.
//   - What the sequence holds of a prompt is not computed again, and the answer has the
//     bits of one that is computed anew.
//     Both hold across processes (SaveState).
//   - Stop strings are found across tokens and control tokens; nothing of one is ever
//     yielded.
//   - A full context is an error or, where Options say so, the oldest turns are left out
//     and the answer says how many messages. (Shifting the cache instead would change
//     positions that are rotated into it; it is not offered.)
//
// Start with language.go and conversation.go.
package dialog
