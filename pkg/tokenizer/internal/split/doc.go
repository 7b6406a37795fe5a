// Package split cuts text into the words that a merge model then encodes.
//
// The split patterns of the common models are regular expressions with
// lookahead; here each is a hand-written Scanner that finds what the regular
// expression would match at a position. Named maps the text of an expression,
// as it stands in a tokenizer.json, to its scanner; Regexp compiles any other
// one with a backtracking engine and a time limit, and refuses the constructs
// that the two engines read differently. Applier turns the matches into spans
// with one of the five behaviours of the tokenizers package.
//
// Invariants: text is valid UTF-8; a match is never empty and ends at a
// character boundary; spans are in order and do not overlap.
package split
