// Package chat turns a conversation into the text a model was trained on, with the chat template of its
// checkpoint, and tells which tokens end an answer.
//
//   - Select finds the template among the files of a checkpoint or the keys of a GGUF file.
//   - Parse compiles it once (subpackage jinja, our own sandboxed subset); Render runs it on an Input: messages,
//     tools, variables. The result is a Prompt: pieces of text with the mark whether the template wrote them
//     (trusted) or they came from messages, tools or variables (untrusted).
//   - StopTokens is the union of everything that may end an answer.
//
// Invariants:
//   - Output is byte for byte what the transformers library renders; a template that raises there fails here.
//   - No byte of a message is trusted, whatever the template does with it, unless the caller says so with
//     Trusted. The tokenizer must read control tokens only where they lie wholly in trusted text: then
//     "<|im_end|>" typed by a user is six letters and some punctuation, not the end of a turn. The role of a
//     message is trusted only when it is one of the usual roles, because some templates build control tokens
//     around it.
//   - Spans are not token borders: "[INST] " is trusted and "hello" is not, yet " hello" may be one token. Encode the
//     text of the whole prompt and ask Prompt.Trust for each control token found in it.
//   - Rendering is bounded (Limits) and deterministic but for the clock, which is an input.
//   - Nothing is guessed: a checkpoint without template, an unknown template name, a Go value that has no place
//     in a template are errors that name what is missing.
//
// Start at template.go; the language begins at jinja/doc.go.
package chat
