// Package digests holds the net below every change of structure: one digest of
// the logits' bits per (checkpoint, weight type, codec, activation scheme), in
// testdata/digests.txt. All of it is tests:
//
//	go test ./internal/digests                     a subset, within seconds
//	make digests                                   every row, within minutes
//	make digests DIGESTS='-full'                   every row in every way, about an hour
//	make digests DIGESTS='-update'                 adds the rows that the table lacks
//	make digests DIGESTS='-model synth:llama-1b'   the rows of one model
//
// A row is computed by every tier of this machine, by one thread and by two, in
// one call, in calls of one token and in calls of mixed lengths, and from a
// graph that no exact pass has touched; all of them must give the row's digests.
// Tiers that the machine lacks are named as not run.
//
// Rows are added by -update and never rewritten by it; a change of bits that is
// meant needs -force, and docs/numerics.md says why.
package digests
