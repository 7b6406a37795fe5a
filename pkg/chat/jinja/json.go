package jinja

import (
	"math"
	"math/big"
	"strconv"
	"strings"
)

// jsonWriter prints values as Python's json.dumps does.
type jsonWriter struct {
	st       *state
	w        buf
	ascii    bool
	sortKeys bool
	item     *Str // separator between items
	colon    *Str // separator between key and value
	indent   *Str // nil for one line
	depth    int
}

func filterToJSON(st *state, v Value, a *args) (Value, error) {
	p, err := a.bind("tojson", param{"ensure_ascii", false}, param{"indent", None}, param{"separators", None}, param{"sort_keys", false})
	if err != nil {
		return nil, err
	}
	j := &jsonWriter{st: st, item: newStr(", "), colon: newStr(": ")}
	if j.ascii, err = truth(st, p[0]); err != nil {
		return nil, err
	}
	if j.sortKeys, err = truth(st, p[3]); err != nil {
		return nil, err
	}
	if err := j.setIndent(p[1]); err != nil {
		return nil, err
	}
	if p[2] != None {
		seps, err := collect(st, p[2])
		if err != nil {
			return nil, err
		}
		if len(seps) != 2 {
			return nil, valueErr("tojson: separators must be a pair, got %d items", len(seps))
		}
		if j.item, err = strArg(seps[0]); err != nil {
			return nil, err
		}
		if j.colon, err = strArg(seps[1]); err != nil {
			return nil, err
		}
	}
	if err := j.value(v); err != nil {
		return nil, err
	}
	return j.w.done(), nil
}

func (j *jsonWriter) setIndent(v Value) error {
	if v == None {
		return nil
	}
	if s, ok := v.(*Str); ok {
		j.indent = s
	} else {
		n, err := intArg(v)
		if err != nil {
			return err
		}
		if n > 1<<20 {
			return errf(KindLimit, "tojson: indent of %d", n)
		}
		j.indent = newStr(strings.Repeat(" ", int(max(n, 0))))
	}
	j.item = newStr(",")
	return nil
}

func (j *jsonWriter) newline() error {
	if j.indent == nil {
		return nil
	}
	if err := j.st.alloc(int64(1 + j.depth*len(j.indent.s))); err != nil {
		return err
	}
	j.w.raw("\n")
	for range j.depth {
		j.w.str(j.indent)
	}
	return nil
}

func (j *jsonWriter) value(v Value) error {
	if err := j.st.step(); err != nil {
		return err
	}
	switch v := v.(type) {
	case *Str:
		return j.str(v)
	case none:
		j.w.raw("null")
	case bool:
		j.w.raw(strconv.FormatBool(v))
	case int64, *big.Int:
		s, err := formatInt(v)
		if err != nil {
			return err
		}
		j.w.raw(s)
	case float64:
		j.w.raw(jsonFloat(v))
	case *List:
		return j.items(v.items)
	case *Tuple:
		return j.items(v.items)
	case *Dict:
		return j.dict(v)
	default:
		return typeErr("Object of type %s is not JSON serializable", typeName(v))
	}
	return nil
}

func jsonFloat(f float64) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	}
	return formatFloat(f)
}

// block writes n parts between brackets, each on a line of its own when indenting.
func (j *jsonWriter) block(open, end string, n int, part func(i int) error) error {
	if n == 0 {
		j.w.raw(open + end)
		return nil
	}
	if err := j.st.nested(); err != nil {
		return err
	}
	j.depth++
	j.w.raw(open)
	for i := range n {
		if i > 0 {
			if err := j.st.alloc(int64(len(j.item.s))); err != nil {
				return err
			}
			j.w.str(j.item)
		}
		if err := j.newline(); err != nil {
			return err
		}
		if err := part(i); err != nil {
			return err
		}
	}
	j.depth--
	j.st.nest--
	if err := j.newline(); err != nil {
		return err
	}
	j.w.raw(end)
	return nil
}

func (j *jsonWriter) items(items []Value) error {
	return j.block("[", "]", len(items), func(i int) error { return j.value(items[i]) })
}

func (j *jsonWriter) dict(d *Dict) error {
	order := make([]Value, d.Len())
	for i := range order {
		order[i] = int64(i)
	}
	if j.sortKeys {
		var err error
		if order, err = sortValues(j.st, order, d.keys, false); err != nil {
			return err
		}
	}
	return j.block("{", "}", len(order), func(i int) error {
		k := int(order[i].(int64))
		key, err := jsonKey(d.keys[k])
		if err != nil {
			return err
		}
		if err := j.str(key); err != nil {
			return err
		}
		j.w.str(j.colon)
		return j.value(d.vals[k])
	})
}

func jsonKey(k Value) (*Str, error) {
	switch k := k.(type) {
	case *Str:
		return k, nil
	case none:
		return newStr("null"), nil
	case bool:
		return newStr(strconv.FormatBool(k)), nil
	case float64:
		return newStr(jsonFloat(k)), nil
	case int64, *big.Int:
		s, err := formatInt(k)
		return newStr(s), err
	}
	return nil, typeErr("keys must be str, int, float, bool or None, not %s", typeName(k))
}

func (j *jsonWriter) str(x *Str) error {
	if err := j.st.alloc(int64(len(x.s)) + 2); err != nil {
		return err
	}
	j.w.raw(`"`)
	x.runs(0, len(x.s), func(text string, tainted bool) {
		start := 0
		for i, r := range text {
			esc := j.escape(r)
			if esc == "" {
				continue
			}
			j.w.text(text[start:i], tainted)
			j.w.text(esc, tainted)
			start = i + len(string(r))
			if r == '\uFFFD' && text[i] != 0xEF {
				start = i + 1
			}
		}
		j.w.text(text[start:], tainted)
	})
	j.w.raw(`"`)
	return nil
}

// escape is what replaces r in a JSON string, "" for r itself.
func (j *jsonWriter) escape(r rune) string {
	switch r {
	case '"':
		return `\"`
	case '\\':
		return `\\`
	case '\n':
		return `\n`
	case '\r':
		return `\r`
	case '\t':
		return `\t`
	case '\b':
		return `\b`
	case '\f':
		return `\f`
	}
	if r < 0x20 {
		return `\u00` + asciiEscape(r)[2:]
	}
	if !j.ascii || r < 0x7F {
		return ""
	}
	if r < 0x10000 {
		return `\u` + strings.Repeat("0", 4-len(strconv.FormatInt(int64(r), 16))) + strconv.FormatInt(int64(r), 16)
	}
	r -= 0x10000
	return `\u` + strconv.FormatInt(int64(0xD800+r>>10), 16) + `\u` + strconv.FormatInt(int64(0xDC00+r&0x3FF), 16)
}
