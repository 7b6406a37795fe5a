package jinja

import (
	"math/big"
)

// Value is one of: none, bool, int64, *big.Int (only beyond int64), float64, *Str, *List, *Tuple, *Dict,
// *dictView, *rangeObj, *generator, *Undefined, *Func, *macro, *loopObj, *Namespace, *cycler, *joiner.
// A nil Value is "missing": a variable that was never set.
type Value = any

type none struct{}

// None is Python's None.
var None Value = none{}

// List is a Python list. Templates cannot modify it.
type List struct{ items []Value }

// Tuple is a Python tuple; names gives attribute names to its items (the groups of groupby).
type Tuple struct {
	items []Value
	names []string
}

// Undefined is jinja2's default undefined: it prints as nothing, is false and empty,
// and raises on any other use.
type Undefined struct {
	hint   string
	obj    Value // nil when a variable is missing
	name   Value
	secure bool // raises SecurityError
}

// Namespace is the object that namespace() makes: the only thing a template can modify.
type Namespace struct{ attrs *Dict }

// rangeObj is Python's range.
type rangeObj struct{ start, stop, step int64 }

func (r *rangeObj) len() int {
	if r.step > 0 && r.start < r.stop {
		return int((r.stop-r.start-1)/r.step + 1)
	}
	if r.step < 0 && r.start > r.stop {
		return int((r.start-r.stop-1)/-r.step + 1)
	}
	return 0
}

// Func is a function or a bound method.
type Func struct {
	name string
	call func(st *state, a *args) (Value, error)
}

type cycler struct {
	items []Value
	pos   int
}

type joiner struct {
	sep  Value
	used bool
}

func newUndef(hint string) *Undefined { return &Undefined{hint: hint} }

func (u *Undefined) err() *Error {
	kind := KindUndefined
	if u.secure {
		kind = KindSecurity
	}
	return errf(kind, "%s", u.message())
}

func (u *Undefined) message() string {
	if u.hint != "" {
		return u.hint
	}
	name := plainRepr(u.name)
	if u.obj == nil {
		return name + " is undefined"
	}
	if _, ok := u.name.(*Str); !ok {
		return objectTypeRepr(u.obj) + " has no element " + name
	}
	return pyQuote(objectTypeRepr(u.obj)) + " has no attribute " + name
}

// typeName is type(v).__name__.
func typeName(v Value) string {
	switch v := v.(type) {
	case none:
		return "NoneType"
	case bool:
		return "bool"
	case int64, *big.Int:
		return "int"
	case float64:
		return "float"
	case *Str:
		if v.markup {
			return "Markup"
		}
		return "str"
	case *List:
		return "list"
	case *Tuple:
		if v.names != nil {
			return "_GroupTuple"
		}
		return "tuple"
	case *Dict:
		return "dict"
	case *dictView:
		return v.kind.String()
	case *rangeObj:
		return "range"
	case *generator:
		return v.name
	case *Undefined:
		return "Undefined"
	case *Func:
		return "function"
	case *macro:
		return "Macro"
	case *loopObj:
		return "LoopContext"
	case *Namespace:
		return "Namespace"
	case *cycler:
		return "Cycler"
	case *joiner:
		return "Joiner"
	}
	return "object"
}

// objectTypeRepr names an object in the messages of undefined values.
func objectTypeRepr(v Value) string {
	switch v.(type) {
	case none:
		return "None"
	case *Str:
		if v.(*Str).markup {
			return "markupsafe.Markup object"
		}
	case *Undefined, *macro, *loopObj:
		return "jinja2.runtime." + typeName(v) + " object"
	case *Namespace, *cycler, *joiner:
		return "jinja2.utils." + typeName(v) + " object"
	case *Tuple:
		if v.(*Tuple).names != nil {
			return "jinja2.filters._GroupTuple object"
		}
	}
	return typeName(v) + " object"
}

// truth is bool(v).
func truth(st *state, v Value) (bool, error) {
	switch v := v.(type) {
	case none:
		return false, nil
	case bool:
		return v, nil
	case int64:
		return v != 0, nil
	case float64:
		return v != 0, nil
	case *Str:
		return v.s != "", nil
	case *List:
		return len(v.items) > 0, nil
	case *Tuple:
		return len(v.items) > 0, nil
	case *Dict:
		return v.Len() > 0, nil
	case *dictView:
		return v.d.Len() > 0, nil
	case *rangeObj:
		return v.len() > 0, nil
	case *Undefined:
		return false, nil
	case *loopObj:
		n, err := v.length(st)
		return n > 0, err
	}
	return true, nil
}

// length is len(v).
func length(st *state, v Value) (int, error) {
	switch v := v.(type) {
	case *Str:
		return v.runeLen(), st.work(len(v.s))
	case *List:
		return len(v.items), nil
	case *Tuple:
		return len(v.items), nil
	case *Dict:
		return v.Len(), nil
	case *dictView:
		return v.d.Len(), nil
	case *rangeObj:
		return v.len(), nil
	case *Undefined:
		return 0, nil
	case *loopObj:
		return v.length(st)
	}
	return 0, typeErr("object of type '%s' has no len()", typeName(v))
}

// sized reports whether length works on v.
func sized(v Value) bool {
	switch v.(type) {
	case *Str, *List, *Tuple, *Dict, *dictView, *rangeObj, *Undefined, *loopObj:
		return true
	}
	return false
}

// same is Python's "is", for the values whose identity a template can observe.
func same(a, b Value) bool {
	switch x := a.(type) {
	case *big.Int:
		y, ok := b.(*big.Int)
		return ok && x.Cmp(y) == 0
	case float64:
		return false
	case *Str:
		y, ok := b.(*Str)
		return ok && (x == y || x.s == y.s && len(x.s) <= 1)
	case *Tuple:
		y, ok := b.(*Tuple)
		return ok && (x == y || len(x.items) == 0 && len(y.items) == 0)
	}
	return a == b
}
