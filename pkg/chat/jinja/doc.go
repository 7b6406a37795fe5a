// Package jinja is a sandboxed subset of the Jinja template language, as large as chat templates need:
// jinja2 3.1 with trim_blocks and lstrip_blocks on, autoescape off, loop controls, the generation tag,
// raise_exception and strftime_now, and the tojson of the transformers library (json.dumps with
// ensure_ascii off). What it prints is byte for byte what Python prints; what raises there fails here,
// as an *Error of the same kind.
//
//   - Parse compiles a template once; a Template may be rendered many times, concurrently.
//   - Render takes the variables as an ordered Map and returns Spans of text.
//   - Lexer, parser, resolver (variables get slots) and evaluator are one file each, in that order;
//     values and their Python semantics follow: value, text, dict, ops, compare, repr, json, strmethods, filters.
//
// Templates come from checkpoints and are hostile. Rendering does no I/O, knows no objects but Python's
// built-in data types, cannot modify its input, and is bounded by Limits in steps, memory, depth, output
// and time. Source is bounded in size, nesting and operator chains, so parsing is bounded too.
// There is no recursion that input can drive without a limit, and no panic.
//
// Text that comes from variables is untrusted unless it is given as Trusted; text written in the template is
// trusted. The mark sticks to every byte through concatenation, slicing, filters, methods, formatting
// and JSON, so that the caller can tell a control token the template wrote from one a user typed.
//
// Outside the subset, and refused by name: extends, block, include, import, from, autoescape; the filters
// random, pprint, urlize, wordwrap; lipsum; str.encode, translate, maketrans; complex numbers.
package jinja
