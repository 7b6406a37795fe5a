package jinja

import (
	"math"
	"math/big"
	"strconv"
)

func filterAbs(st *state, v Value, a *args) (Value, error) {
	if err := a.none("abs"); err != nil {
		return nil, err
	}
	n := toNum(v)
	switch n.kind {
	case 'f':
		return math.Abs(n.f), nil
	case 0:
		if u, ok := v.(*Undefined); ok {
			return nil, typeErr("bad operand type for abs(): '%s'", typeName(u))
		}
		return nil, typeErr("bad operand type for abs(): '%s'", typeName(v))
	}
	return normBig(new(big.Int).Abs(n.big()))
}

// caught reports whether err is one of the Python exceptions that int and float turn into their default.
func caught(err error, kinds ...string) bool {
	e, ok := err.(*Error)
	for _, k := range kinds {
		if ok && e.Kind == k {
			return true
		}
	}
	return false
}

func filterInt(st *state, v Value, a *args) (Value, error) {
	p, err := a.bind("int", param{"default", int64(0)}, param{"base", int64(10)})
	if err != nil {
		return nil, err
	}
	var r Value
	if s, ok := v.(*Str); ok {
		base, err := intArg(p[1])
		if err != nil {
			return nil, err
		}
		if err := st.work(len(s.s)); err != nil {
			return nil, err
		}
		if r, err = strToInt(s.s, base); err == nil {
			return r, nil
		}
		if !caught(err, KindType, KindValue) {
			return nil, err
		}
	} else if r, err = toInt(v); err == nil || !caught(err, KindType, KindValue) {
		return r, err
	}
	f, err := toFloat(v)
	if err == nil {
		if r, err = toInt(f); err == nil {
			return r, nil
		}
	}
	if caught(err, KindType, KindValue, KindOverflow) {
		return p[0], nil
	}
	return nil, err
}

func filterFloat(st *state, v Value, a *args) (Value, error) {
	p, err := a.bind("float", param{"default", 0.0})
	if err != nil {
		return nil, err
	}
	f, err := toFloat(v)
	if err != nil {
		if caught(err, KindType, KindValue) {
			return p[0], nil
		}
		return nil, err
	}
	return f, nil
}

func filterRound(st *state, v Value, a *args) (Value, error) {
	p, err := a.bind("round", param{"precision", int64(0)}, param{"method", newStr("common")})
	if err != nil {
		return nil, err
	}
	method, _ := p[1].(*Str)
	if method == nil || method.s != "common" && method.s != "ceil" && method.s != "floor" {
		return nil, errf(KindFilterArg, "method must be common, ceil or floor")
	}
	if method.s == "common" {
		prec, err := intArg(p[0])
		if err != nil {
			return nil, err
		}
		return round(v, prec)
	}
	scale, err := binary(st, "**", int64(10), p[0])
	if err != nil {
		return nil, err
	}
	x, err := binary(st, "*", v, scale)
	if err != nil {
		return nil, err
	}
	if f, ok := x.(float64); ok {
		if method.s == "ceil" {
			f = math.Ceil(f)
		} else {
			f = math.Floor(f)
		}
		if x, err = toInt(f); err != nil {
			return nil, err
		}
	} else if toNum(x).kind == 0 {
		return nil, typeErr("must be real number, not %s", typeName(x))
	}
	return binary(st, "/", x, scale)
}

func filterFilesize(st *state, v Value, a *args) (Value, error) {
	p, err := a.bind("filesizeformat", param{"binary", false})
	if err != nil {
		return nil, err
	}
	bin, err := truth(st, p[0])
	if err != nil {
		return nil, err
	}
	n, err := toFloat(v)
	if err != nil {
		return nil, err
	}
	base, infix := 1000.0, ""
	units := []string{"k", "M", "G", "T", "P", "E", "Z", "Y"}
	if bin {
		base, infix = 1024, "i"
		units[0] = "K"
	}
	if n == 1 {
		return newStr("1 Byte"), nil
	}
	if n < base {
		b, err := truncFloat(n)
		if err != nil {
			return nil, err
		}
		return newStr(b.String() + " Bytes"), nil
	}
	unit := base
	for i, u := range units {
		unit *= base
		if n < unit || i == len(units)-1 {
			return newStr(strconv.FormatFloat(base*n/unit, 'f', 1, 64) + " " + u + infix + "B"), nil
		}
	}
	return nil, nil
}
