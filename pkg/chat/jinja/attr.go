package jinja

import (
	"math"
	"math/big"
	"slices"
	"strings"
)

// getAttr is obj.name: an attribute of the Python object, else an item.
func getAttr(st *state, obj Value, name *Str) (Value, error) {
	v, err := attribute(st, obj, name.s)
	if v != nil || err != nil {
		return v, err
	}
	if d, ok := obj.(*Dict); ok {
		if v := d.getName(name.s); v != nil {
			return v, nil
		}
	}
	return &Undefined{obj: obj, name: name}, nil
}

// getItem is obj[arg]: an item, else an attribute when arg is a string.
func getItem(st *state, obj, arg Value) (Value, error) {
	v, err := item(st, obj, arg)
	if v != nil || err != nil {
		return v, err
	}
	if s, ok := arg.(*Str); ok {
		if v, err := attribute(st, obj, s.s); v != nil || err != nil {
			return v, err
		}
	}
	return &Undefined{obj: obj, name: arg}, nil
}

// item returns nil where Python raises a LookupError or a TypeError.
func item(st *state, obj, arg Value) (Value, error) {
	switch o := obj.(type) {
	case *Dict:
		v, err := o.get(arg)
		if err != nil {
			return nil, nil
		}
		return v, nil
	case *Undefined:
		return nil, o.err()
	case *Str, *List, *Tuple, *rangeObj:
		i, err := intArg(arg)
		if err != nil {
			return nil, nil
		}
		n, err := length(st, obj)
		if err != nil {
			return nil, err
		}
		if i < 0 {
			i += int64(n)
		}
		if i < 0 || i >= int64(n) {
			return nil, nil
		}
		return at(st, obj, int(i))
	}
	return nil, nil
}

// at is the i-th element of a sequence.
func at(st *state, seq Value, i int) (Value, error) {
	switch s := seq.(type) {
	case *List:
		return s.items[i], nil
	case *Tuple:
		return s.items[i], nil
	case *rangeObj:
		return s.start + int64(i)*s.step, nil
	}
	s := seq.(*Str)
	if err := st.work(len(s.s)); err != nil {
		return nil, err
	}
	from := s.offset(i)
	to := from + (&Str{s: s.s[from:]}).offset(1)
	return s.sub(from, to), st.alloc(48)
}

// mutators are the methods that would change a list or dict; the sandbox hands out
// an undefined value for them that raises SecurityError.
var mutators = map[string][]string{
	"list": {"append", "clear", "pop", "reverse", "insert", "sort", "extend", "remove"},
	"dict": {"clear", "pop", "popitem", "setdefault", "update"},
}

// foreign are Python attributes outside the subset: using one is an error, not a missing item.
var foreign = map[string][]string{
	"str":   {"encode", "maketrans", "translate"},
	"dict":  {"fromkeys"},
	"int":   {"as_integer_ratio", "bit_count", "from_bytes", "to_bytes"},
	"float": {"as_integer_ratio", "fromhex", "hex"},
}

// attribute is getattr(obj, name), nil when the object has no such attribute.
func attribute(st *state, obj Value, name string) (Value, error) {
	if strings.HasPrefix(name, "__") && slices.Contains(dunders, name) {
		return unsafeAttr(obj, name), nil
	}
	if u, ok := obj.(*Undefined); ok {
		return nil, u.err()
	}
	kind := typeName(obj)
	if slices.Contains(mutators[kind], name) {
		return unsafeAttr(obj, name), nil
	}
	switch o := obj.(type) {
	case *Str:
		if m := strMethods[name]; m != nil {
			return bound("str", name, func(st *state, a *args) (Value, error) { return m(st, o, a) }), nil
		}
		kind = "str"
	case *Dict:
		if m := dictMethods[name]; m != nil {
			return bound(kind, name, func(st *state, a *args) (Value, error) { return m(st, o, a) }), nil
		}
	case *List:
		if m := listMethod(name, o.items); m != nil {
			return m, nil
		}
	case *Tuple:
		if i := slices.Index(o.names, name); i >= 0 {
			return o.items[i], nil
		}
		if m := listMethod(name, o.items); m != nil && name != "copy" {
			return m, nil
		}
	case *rangeObj:
		switch name {
		case "start":
			return o.start, nil
		case "stop":
			return o.stop, nil
		case "step":
			return o.step, nil
		case "count", "index":
			items := make([]Value, o.len())
			for i := range items {
				items[i] = o.start + int64(i)*o.step
			}
			return listMethod(name, items), st.allocItems(len(items))
		}
	case *Namespace:
		v := o.attrs.getName(name)
		if v != nil && strings.HasPrefix(name, "_") {
			return unsafeAttr(obj, name), nil
		}
		return v, nil
	case *loopObj:
		return o.attr(st, name)
	case *macro:
		return o.attr(name), nil
	case *cycler:
		return o.attr(name), nil
	case *joiner:
		switch name {
		case "sep":
			return o.sep, nil
		case "used":
			return o.used, nil
		}
	case int64, *big.Int, bool, float64:
		return numAttr(obj, name)
	}
	if slices.Contains(foreign[kind], name) {
		return nil, errf(KindUnsupported, "attribute %s of '%s' is not supported in chat templates", pyQuote(name), kind)
	}
	return nil, nil
}

// dunders are attributes every Python object has.
var dunders = []string{
	"__class__", "__delattr__", "__dir__", "__doc__", "__eq__", "__format__", "__ge__", "__getattribute__", "__getstate__",
	"__gt__", "__hash__", "__init__", "__init_subclass__", "__le__", "__lt__", "__ne__", "__new__", "__reduce__",
	"__reduce_ex__", "__repr__", "__setattr__", "__sizeof__", "__str__", "__subclasshook__",
}

func unsafeAttr(obj Value, name string) Value {
	return &Undefined{
		hint:   "access to attribute " + pyQuote(name) + " of " + pyQuote(typeName(obj)) + " object is unsafe.",
		obj:    obj,
		name:   newStr(name),
		secure: true,
	}
}

func bound(kind, name string, f func(st *state, a *args) (Value, error)) *Func {
	return &Func{name: kind + "." + name, call: f}
}

func numAttr(v Value, name string) (Value, error) {
	f, isFloat := v.(float64)
	method := func(r func() (Value, error)) (Value, error) {
		return bound(typeName(v), name, func(_ *state, a *args) (Value, error) {
			if err := a.none(name); err != nil {
				return nil, err
			}
			return r()
		}), nil
	}
	whole, err := sign(v, '+')
	if err != nil {
		return nil, err
	}
	switch name {
	case "real":
		return whole, nil
	case "imag":
		if isFloat {
			return 0.0, nil
		}
		return int64(0), nil
	case "conjugate":
		return method(func() (Value, error) { return whole, nil })
	}
	if isFloat {
		if name == "is_integer" {
			return method(func() (Value, error) { return f == math.Trunc(f) && !math.IsInf(f, 0), nil })
		}
		if slices.Contains(foreign["float"], name) {
			return nil, errf(KindUnsupported, "attribute %s of 'float' is not supported in chat templates", pyQuote(name))
		}
		return nil, nil
	}
	switch name {
	case "numerator":
		return whole, nil
	case "denominator":
		return int64(1), nil
	case "bit_length":
		return method(func() (Value, error) { return int64(toNum(v).big().BitLen()), nil })
	}
	if slices.Contains(foreign["int"], name) {
		return nil, errf(KindUnsupported, "attribute %s of 'int' is not supported in chat templates", pyQuote(name))
	}
	return nil, nil
}

// listMethod is a method of a list or tuple, nil when there is none of that name.
func listMethod(name string, items []Value) Value {
	switch name {
	case "count", "index", "copy":
	default:
		return nil
	}
	return bound("list", name, func(st *state, a *args) (Value, error) {
		if err := a.posOnly(name); err != nil {
			return nil, err
		}
		if name == "copy" {
			return &List{items: items}, a.none(name)
		}
		if name == "count" {
			x, err := a.only(name, "value")
			if err != nil {
				return nil, err
			}
			n := int64(0)
			for _, it := range items {
				eq, err := equal(st, it, x)
				if err != nil {
					return nil, err
				}
				if eq {
					n++
				}
			}
			return n, nil
		}
		v, err := a.bind(name, param{"value", nil}, param{"start", int64(0)}, param{"stop", int64(math.MaxInt32)})
		if err != nil {
			return nil, err
		}
		start, _, count, err := sliceBounds(v[1], v[2], None, len(items))
		if err != nil {
			return nil, err
		}
		for i := start; i < start+count; i++ {
			eq, err := equal(st, items[i], v[0])
			if err != nil {
				return nil, err
			}
			if eq {
				return int64(i), nil
			}
		}
		return nil, valueErr("%s is not in list", plainRepr(v[0]))
	})
}

type dictMethod func(st *state, d *Dict, a *args) (Value, error)

var dictMethods = map[string]dictMethod{
	"get": func(st *state, d *Dict, a *args) (Value, error) {
		if err := a.posOnly("get"); err != nil {
			return nil, err
		}
		p, err := a.bind("get", param{"key", nil}, param{"default", None})
		if err != nil {
			return nil, err
		}
		v, err := d.get(p[0])
		if v == nil {
			v = p[1]
		}
		return v, err
	},
	"keys":   viewMethod(viewKeys),
	"values": viewMethod(viewValues),
	"items":  viewMethod(viewItems),
	"copy": func(st *state, d *Dict, a *args) (Value, error) {
		return d, a.none("copy")
	},
}

func viewMethod(k viewKind) dictMethod {
	return func(st *state, d *Dict, a *args) (Value, error) {
		return &dictView{d, k}, a.none(k.String()[5:])
	}
}

func (c *cycler) attr(name string) Value {
	switch name {
	case "next":
		return &Func{name: name, call: func(st *state, a *args) (Value, error) {
			v := c.items[c.pos]
			c.pos = (c.pos + 1) % len(c.items)
			return v, a.none(name)
		}}
	case "reset":
		return &Func{name: name, call: func(st *state, a *args) (Value, error) {
			c.pos = 0
			return None, a.none(name)
		}}
	case "current":
		return c.items[c.pos]
	case "pos":
		return int64(c.pos)
	case "items":
		return &Tuple{items: c.items}
	}
	return nil
}
