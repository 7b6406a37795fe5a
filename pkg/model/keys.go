package model

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// keys are the settings of a checkpoint: config.json, one of its nested
// objects, or the metadata of a GGUF. A family takes what it understands; what
// is left over when it is done is an error (see leftover). Keys go by their
// names in config.json; the names of a GGUF are looked up in ggufNames.
//
// The first error sticks, so that a family reads straight on; whoever asked for
// the configuration looks at err.
type keys struct {
	arch    string // the family, for errors
	gguf    bool   // the settings are those of a GGUF
	path    string // of a nested object: "rope_scaling."
	name    func(key string) string
	values  map[string]value
	taken   map[string]bool
	tensors *input // what stands beside the settings; nil when a config.json is read alone
	nested  []*keys
	err     *error
}

// value is one setting as its container holds it. The readers report whether
// the value is of their kind.
type value interface {
	null() bool
	integer() (int64, bool)
	number() (float64, bool)
	boolean() (bool, bool)
	text() (string, bool)
	list() ([]string, bool) // of strings
	kind() string           // "string", "u32"
	String() string         // for errors
}

// fail keeps the first error.
func (k *keys) fail(format string, args ...any) {
	if *k.err == nil {
		*k.err = fmt.Errorf(format, args...)
	}
}

// full is the name of a key in its container, as errors and --ignore-key spell it.
func (k *keys) full(key string) string { return k.path + k.name(key) }

// has reports whether the key is present, even as null. It takes nothing.
func (k *keys) has(key string) bool { _, ok := k.values[k.name(key)]; return ok }

// take marks the key as understood and returns its value; nil when it is absent
// or null.
func (k *keys) take(key string) value {
	name := k.name(key)
	k.taken[name] = true
	v := k.values[name]
	if v == nil || v.null() {
		return nil
	}
	return v
}

// read takes a key whose value must be of the wanted kind; def stands for an
// absent one and for null.
func read[T any](k *keys, key string, def T, want string, of func(value) (T, bool)) T {
	v := k.take(key)
	if v == nil {
		return def
	}
	x, ok := of(v)
	if !ok {
		k.fail("key %q is %s (%s), want %s", k.full(key), article(v.kind()), show(v), want)
		return def
	}
	return x
}

func (k *keys) intOr(key string, def int64) int64 {
	want := "an integer"
	if k.gguf {
		want = "an integer, or one per layer, all equal"
	}
	return read(k, key, def, want, value.integer)
}

func (k *keys) floatOr(key string, def float64) float64 {
	return read(k, key, def, "a number", value.number)
}

func (k *keys) boolOr(key string, def bool) bool {
	return read(k, key, def, "true or false", value.boolean)
}

func (k *keys) strOr(key, def string) string {
	return read(k, key, def, "a string", value.text)
}

func (k *keys) strs(key string) []string {
	return read(k, key, nil, "an array of strings", value.list)
}

// present fails when the key is absent or null.
func (k *keys) present(key string) {
	if !k.given(key) {
		k.fail("%s is missing", k.full(key))
	}
}

// float is for a key that a checkpoint must have.
func (k *keys) float(key string) float64 { k.present(key); return k.floatOr(key, 0) }

func article(noun string) string {
	if strings.ContainsRune("aeiou", rune(noun[0])) && !strings.HasPrefix(noun, "u") {
		return "an " + noun
	}
	return "a " + noun
}

// size is a number > 0 that a checkpoint must have; sizeOr has a default.
func (k *keys) size(key string) int64 { k.present(key); return k.sizeOr(key, 1) }
func (k *keys) sizeOr(key string, def int64) int64 {
	n := k.intOr(key, def)
	if n <= 0 && k.given(key) {
		k.fail("%s is %d, want a number > 0", k.full(key), n)
	}
	return n
}

// given reports whether the key is present and not null.
func (k *keys) given(key string) bool {
	v, ok := k.values[k.name(key)]
	return ok && !v.null()
}

// bad is the error for a value that is not understood.
func (k *keys) bad(key string, got any, want string) {
	if s, ok := got.(string); ok {
		got = fmt.Sprintf("%q", s)
	}
	k.fail("%s is %v, want %s", k.full(key), got, want)
}

// only takes a key that the family does not know beyond the one value with
// which it changes nothing.
func (k *keys) only(key, want string) {
	if v := k.take(key); v != nil && v.String() != want {
		k.fail("%s is %s, want %s: not part of %s", k.full(key), show(v), want, k.arch)
	}
}

// object takes a nested object of config.json; nil when it is absent or null.
// Its keys are under the same law.
func (k *keys) object(key string) *keys {
	v := k.take(key)
	if v == nil {
		return nil
	}
	j, ok := v.(jsonValue)
	var all map[string]json.RawMessage
	if !ok || json.Unmarshal(j, &all) != nil {
		k.fail("key %q is %s, want an object", k.full(key), article(v.kind()))
		return nil
	}
	sub := k.of(all)
	sub.path, sub.tensors = k.full(key)+".", k.tensors
	k.nested = append(k.nested, sub)
	return sub
}

// of are the keys of a JSON object.
func (k *keys) of(all map[string]json.RawMessage) *keys {
	sub := &keys{arch: k.arch, name: func(s string) string { return s }, values: map[string]value{}, taken: map[string]bool{}, err: k.err}
	for name, raw := range all {
		sub.values[name] = jsonValue(raw)
	}
	return sub
}

// leftover is the law of keys: whatever nobody took is an error that names it,
// unless it is idle, null or false, or listed in ignore. It returns what is to
// be said to the user. Entries of ignore that name nothing, or a key that the
// family understands, are errors too.
func (k *keys) leftover(ignore []string) (warnings []string, err error) {
	if *k.err != nil {
		return nil, *k.err
	}
	all := k.untaken()
	var unknown []string
	first := ""
	for _, key := range all {
		v := key.value
		switch off, isBool := v.boolean(); {
		case slices.Contains(ignore, key.name):
			warnings = append(warnings, fmt.Sprintf("key %q (%s) is left out, as --ignore-key asks", key.name, show(v)))
		case idle(key.name, k.gguf) != "":
		case v.null(), isBool && !off:
			warnings = append(warnings, fmt.Sprintf("key %q is %s and not known for %s: taken as absent", key.name, v, k.arch))
		default:
			if unknown = append(unknown, key.text()); first == "" {
				first = word(key.name)
			}
		}
	}
	if len(unknown) > 0 {
		each := ""
		if len(unknown) > 1 {
			each = ", and so on for each,"
		}
		if n := len(unknown) - maxNamed; n > 0 {
			unknown = append(unknown[:maxNamed:maxNamed], fmt.Sprintf("%d more", n))
		}
		return nil, fmt.Errorf("%s: not known for %s, and may change its numbers; --ignore-key %s%s converts as if it were absent",
			strings.Join(unknown, ", "), k.arch, first, each)
	}
	for _, name := range ignore {
		if !slices.ContainsFunc(all, func(l leftKey) bool { return l.name == name }) {
			return nil, fmt.Errorf("--ignore-key %s: no key of that name is left over: the checkpoint has none, or %s understands it", word(name), k.arch)
		}
	}
	return warnings, nil
}

// misspelt fails when a key is there in another case.
func (k *keys) misspelt(key string) error {
	for name := range k.values {
		if name != key && strings.EqualFold(name, key) {
			return fmt.Errorf("key %q: want it spelled %q", name, key)
		}
	}
	return nil
}

// leftKey is a key that nobody took.
type leftKey struct {
	name   string // in full
	value  value
	likely string // the key that differs in case only, "" if none
}

func (l leftKey) text() string {
	switch {
	case l.likely != "":
		return fmt.Sprintf("key %q (want it spelled %q)", l.name, l.likely)
	case unsupported[l.name] != "":
		return fmt.Sprintf("key %q (%s)", l.name, unsupported[l.name])
	}
	return fmt.Sprintf("key %q (%s)", l.name, show(l.value))
}

// maxNamed is how many unknown keys an error names.
const maxNamed = 20

// show is a value for errors, cut short and on one line: it is the text of a
// stranger, who may have put commands for a terminal into it.
func show(v value) string {
	return strings.Map(func(r rune) rune {
		if strconv.IsPrint(r) {
			return r
		}
		return ' '
	}, fmt.Sprintf("%.60s", v))
}

// word is a key as one types it behind --ignore-key, in quotes where a shell
// or a terminal would take it for something else.
func word(key string) string {
	plain := func(r rune) bool {
		return unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("._-+/:@,", r)
	}
	if key != "" && strings.IndexFunc(key, func(r rune) bool { return !plain(r) }) < 0 {
		return key
	}
	return strconv.Quote(key)
}

// untaken lists the keys that are left here and below, by name.
func (k *keys) untaken() []leftKey {
	var all []leftKey
	for name, v := range k.values {
		if k.taken[name] {
			continue
		}
		l := leftKey{name: k.path + name, value: v}
		for t := range k.taken {
			if strings.EqualFold(t, name) {
				l.likely = k.path + t
			}
		}
		all = append(all, l)
	}
	for _, sub := range k.nested {
		all = append(all, sub.untaken()...)
	}
	slices.SortFunc(all, func(a, b leftKey) int { return strings.Compare(a.name, b.name) })
	return all
}
