// Package jsonscan walks JSON from untrusted files without building values.
//
// It is stricter than encoding/json where silence would hide a hostile or
// broken file: duplicate keys, invalid UTF-8, lone surrogates, nesting beyond
// MaxDepth, text after the value and the non-JSON words NaN and Infinity are
// errors, each with its byte offset. It allocates keys and strings that are
// asked for, nothing else.
//
// A Scanner is a cursor: Object and Array hand control to a callback for each
// member, which must consume exactly one value with Object, Array, String, Raw
// or Skip. Check scans a whole document.
package jsonscan
