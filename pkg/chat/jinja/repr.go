package jinja

import (
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// formatFloat is repr(float).
func formatFloat(f float64) string {
	switch {
	case math.IsNaN(f):
		return "nan"
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	}
	s := strconv.FormatFloat(f, 'e', -1, 64)
	mant, exp, _ := strings.Cut(s, "e")
	e, _ := strconv.Atoi(exp)
	if e < -4 || e >= 16 {
		return mant + "e" + pyExp(e)
	}
	s = strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

// pyExp writes an exponent with its sign and at least two digits.
func pyExp(e int) string {
	sign := "+"
	if e < 0 {
		sign, e = "-", -e
	}
	if e < 10 {
		sign += "0"
	}
	return sign + strconv.Itoa(e)
}

func formatInt(v Value) (string, error) {
	switch v := v.(type) {
	case int64:
		return strconv.FormatInt(v, 10), nil
	case *big.Int:
		s := v.String()
		if len(strings.TrimPrefix(s, "-")) > 4300 {
			return "", valueErr("Exceeds the limit (4300 digits) for integer string conversion; use sys.set_int_max_str_digits() to increase the limit")
		}
		return s, nil
	}
	return "", typeErr("expected int, got %s", typeName(v))
}

func isPrintable(r rune) bool { return r == ' ' || unicode.IsPrint(r) }

// pyQuote is repr(str).
func pyQuote(s string) string { return reprStr(newStr(s)).s }

// reprStr is repr(str), marks kept.
func reprStr(x *Str) *Str {
	quote := byte('\'')
	if strings.Contains(x.s, "'") && !strings.Contains(x.s, `"`) {
		quote = '"'
	}
	var w buf
	if x.markup {
		w.raw("Markup(")
	}
	w.raw(string(quote))
	x.eachRune(func(piece string, r rune, tainted bool) {
		switch {
		case r == '\\' || r == rune(quote):
			w.text(`\`+piece, tainted)
		case r == '\n':
			w.text(`\n`, tainted)
		case r == '\r':
			w.text(`\r`, tainted)
		case r == '\t':
			w.text(`\t`, tainted)
		case r == utf8.RuneError && len(piece) == 1: // Python would hold a lone surrogate here
			w.text(`\udc`+strconv.FormatUint(uint64(piece[0]), 16), tainted)
		case !isPrintable(r):
			w.text(asciiEscape(r), tainted)
		default:
			w.text(piece, tainted)
		}
	})
	w.raw(string(quote))
	if x.markup {
		w.raw(")")
	}
	return w.done()
}

// plainRepr is repr for messages, where nesting cannot matter.
func plainRepr(v Value) string {
	switch v := v.(type) {
	case *Str:
		return pyQuote(v.s)
	case int64, *big.Int:
		s, _ := formatInt(v)
		return s
	case float64:
		return formatFloat(v)
	case bool:
		if v {
			return "True"
		}
		return "False"
	case none:
		return "None"
	}
	return "<" + typeName(v) + ">"
}

// print writes str(v).
func (st *state) print(w *buf, v Value) error {
	switch v := v.(type) {
	case *Str:
		if err := st.alloc(int64(len(v.s))); err != nil {
			return err
		}
		w.str(v)
		return nil
	case *Undefined:
		return nil
	case *Func:
		w.raw("<function " + v.name + ">")
		return nil
	}
	return st.repr(w, v)
}

// str is str(v).
func (st *state) str(v Value) (*Str, error) {
	if s, ok := v.(*Str); ok {
		return s.plain(), nil
	}
	var w buf
	if err := st.print(&w, v); err != nil {
		return nil, err
	}
	return w.done(), nil
}

// softStr is str(v), keeping markup.
func (st *state) softStr(v Value) (*Str, error) {
	if s, ok := v.(*Str); ok {
		return s, nil
	}
	return st.str(v)
}

// repr writes repr(v).
func (st *state) repr(w *buf, v Value) error {
	if err := st.step(); err != nil {
		return err
	}
	if err := st.nested(); err != nil {
		return err
	}
	defer func() { st.nest-- }()
	switch v := v.(type) {
	case *Str:
		if err := st.alloc(int64(len(v.s)) + 2); err != nil {
			return err
		}
		w.str(reprStr(v))
	case int64, *big.Int:
		s, err := formatInt(v)
		if err != nil {
			return err
		}
		w.raw(s)
	case float64, bool, none:
		w.raw(plainRepr(v))
	case *List:
		return st.reprItems(w, "[", "]", v.items)
	case *Tuple:
		end := ")"
		if len(v.items) == 1 {
			end = ",)"
		}
		return st.reprItems(w, "(", end, v.items)
	case *Dict:
		return st.reprDict(w, v)
	case *dictView:
		items := make([]Value, v.d.Len())
		for i := range items {
			items[i] = v.at(i)
		}
		w.raw(v.kind.String() + "(")
		if err := st.reprItems(w, "[", "]", items); err != nil {
			return err
		}
		w.raw(")")
	case *rangeObj:
		w.raw("range(" + strconv.FormatInt(v.start, 10) + ", " + strconv.FormatInt(v.stop, 10))
		if v.step != 1 {
			w.raw(", " + strconv.FormatInt(v.step, 10))
		}
		w.raw(")")
	case *Undefined:
		w.raw("Undefined")
	case *macro:
		if v.def.name == "" {
			w.raw("<Macro anonymous>")
		} else {
			w.raw("<Macro " + pyQuote(v.def.name) + ">")
		}
	case *loopObj:
		s, err := v.repr(st)
		w.raw(s)
		return err
	case *Namespace:
		w.raw("<Namespace ")
		if err := st.reprDict(w, v.attrs); err != nil {
			return err
		}
		w.raw(">")
	default:
		w.raw("<" + typeName(v) + " object>")
	}
	return nil
}

func (st *state) reprItems(w *buf, open, end string, items []Value) error {
	if err := st.alloc(int64(2*len(items)) + 2); err != nil {
		return err
	}
	w.raw(open)
	for i, it := range items {
		if i > 0 {
			w.raw(", ")
		}
		if err := st.repr(w, it); err != nil {
			return err
		}
	}
	w.raw(end)
	return nil
}

func (st *state) reprDict(w *buf, d *Dict) error {
	if err := st.alloc(int64(4*d.Len()) + 2); err != nil {
		return err
	}
	w.raw("{")
	for i, k := range d.keys {
		if i > 0 {
			w.raw(", ")
		}
		if err := st.repr(w, k); err != nil {
			return err
		}
		w.raw(": ")
		if err := st.repr(w, d.vals[i]); err != nil {
			return err
		}
	}
	w.raw("}")
	return nil
}
