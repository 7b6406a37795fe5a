// Package bundles makes malformed bundles out of a sound one, for the tests of
// pkg/format and of the commands.
//
// A Case breaks a copy of a sound bundle in one way: its manifest, a graph or
// the files. Sound says what the sound bundle must be, so that every case finds
// what it breaks: a tied quantised model whose decoder is in two parts.
//
// Start with Cases and Copy.
package bundles
