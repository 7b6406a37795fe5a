package jinja

import (
	"math"
	"math/big"
)

// num is a number in the widest form it needs: exactly one of the kinds.
type num struct {
	kind byte // 'i', 'b', 'f', or 0 when the value is no number
	i    int64
	b    *big.Int
	f    float64
}

func toNum(v Value) num {
	switch v := v.(type) {
	case bool:
		if v {
			return num{kind: 'i', i: 1}
		}
		return num{kind: 'i'}
	case int64:
		return num{kind: 'i', i: v}
	case *big.Int:
		return num{kind: 'b', b: v}
	case float64:
		return num{kind: 'f', f: v}
	}
	return num{}
}

func isInt(v Value) bool {
	switch v.(type) {
	case int64, *big.Int:
		return true
	}
	return false
}

// big is the number as a big integer; it must not be a float.
func (n num) big() *big.Int {
	if n.kind == 'b' {
		return n.b
	}
	return big.NewInt(n.i)
}

func (n num) float() (float64, error) {
	switch n.kind {
	case 'i':
		return float64(n.i), nil
	case 'b':
		f, _ := new(big.Float).SetInt(n.b).Float64()
		if math.IsInf(f, 0) {
			return 0, errf(KindOverflow, "int too large to convert to float")
		}
		return f, nil
	}
	return n.f, nil
}

// normBig makes an int of a big integer, small ones int64.
func normBig(b *big.Int) (Value, error) {
	if b.IsInt64() {
		return b.Int64(), nil
	}
	if b.BitLen() > intBits {
		return nil, errf(KindLimit, "integer of more than %d bits", intBits)
	}
	return b, nil
}

func sign(v Value, op byte) (Value, error) {
	n := toNum(v)
	switch n.kind {
	case 'f':
		if op == '-' {
			return -n.f, nil
		}
		return n.f, nil
	case 'i', 'b':
		b := n.big()
		if op == '-' {
			b = new(big.Int).Neg(b)
		}
		return normBig(b)
	}
	if u, ok := v.(*Undefined); ok {
		return nil, u.err()
	}
	return nil, typeErr("bad operand type for unary %c: '%s'", op, typeName(v))
}

// binary is a op b for the arithmetic operators.
func binary(st *state, op string, a, b Value) (Value, error) {
	x, y := toNum(a), toNum(b)
	if x.kind != 0 && y.kind != 0 {
		return arith(op, x, y)
	}
	if s, ok := a.(*Str); ok && op == "%" {
		return percent(st, s, b)
	}
	if u, ok := a.(*Undefined); ok {
		return nil, u.err()
	}
	if u, ok := b.(*Undefined); ok {
		if s, ok := a.(*Str); ok && s.markup && op == "*" {
			return nil, typeErr("'Undefined' object cannot be interpreted as an integer")
		}
		return nil, u.err()
	}
	switch op {
	case "+":
		return join2(st, a, b)
	case "*":
		if y.kind != 0 && isSeq(a) {
			return repeat(st, a, b)
		}
		if x.kind != 0 && isSeq(b) {
			return repeat(st, b, a)
		}
		if isSeq(a) {
			return nil, typeErr("can't multiply sequence by non-int of type '%s'", typeName(b))
		}
		if isSeq(b) {
			return nil, typeErr("can't multiply sequence by non-int of type '%s'", typeName(a))
		}
	}
	if op == "**" {
		op = "** or pow()"
	}
	return nil, typeErr("unsupported operand type(s) for %s: '%s' and '%s'", op, typeName(a), typeName(b))
}

func isSeq(v Value) bool {
	switch v.(type) {
	case *Str, *List, *Tuple:
		return true
	}
	return false
}

// join2 is a + b for sequences.
func join2(st *state, a, b Value) (Value, error) {
	switch x := a.(type) {
	case *Str:
		y, ok := b.(*Str)
		if !ok {
			return nil, typeErr(`can only concatenate str (not "%s") to str`, typeName(b))
		}
		return concat(st, x, y)
	case *List:
		y, ok := b.(*List)
		if !ok {
			return nil, typeErr(`can only concatenate list (not "%s") to list`, typeName(b))
		}
		items, err := appendItems(st, x.items, y.items)
		return &List{items: items}, err
	case *Tuple:
		y, ok := b.(*Tuple)
		if !ok {
			return nil, typeErr(`can only concatenate tuple (not "%s") to tuple`, typeName(b))
		}
		items, err := appendItems(st, x.items, y.items)
		return &Tuple{items: items}, err
	}
	return nil, typeErr("unsupported operand type(s) for +: '%s' and '%s'", typeName(a), typeName(b))
}

func appendItems(st *state, a, b []Value) ([]Value, error) {
	if err := st.allocItems(len(a) + len(b)); err != nil {
		return nil, err
	}
	out := make([]Value, 0, len(a)+len(b))
	return append(append(out, a...), b...), nil
}

// concat is a + b for strings; markup escapes the plain side.
func concat(st *state, a, b *Str) (*Str, error) {
	if a.markup != b.markup {
		if a.markup {
			b = escapeHTML(b)
		} else {
			a = escapeHTML(a)
		}
	}
	if err := st.alloc(int64(len(a.s) + len(b.s))); err != nil {
		return nil, err
	}
	var w buf
	w.b.Grow(len(a.s) + len(b.s))
	w.str(a)
	w.str(b)
	return w.done().like(a), nil
}

// repeat is seq * n.
func repeat(st *state, seq, count Value) (Value, error) {
	if _, ok := count.(float64); ok {
		return nil, typeErr("can't multiply sequence by non-int of type 'float'")
	}
	n, err := intArg(count)
	if err != nil {
		return nil, err
	}
	n = max(n, 0)
	size := func(unit int) error {
		if unit > 0 && n > math.MaxInt64/int64(unit)/16 {
			return st.alloc(math.MaxInt64)
		}
		return st.alloc(n * int64(unit))
	}
	switch x := seq.(type) {
	case *Str:
		if err := size(len(x.s)); err != nil {
			return nil, err
		}
		if x.s == "" {
			return x, nil
		}
		var w buf
		w.b.Grow(int(n) * len(x.s))
		for range n {
			w.str(x)
		}
		return w.done().like(x), nil
	case *List:
		items, err := repeatItems(size, x.items, n)
		return &List{items: items}, err
	}
	items, err := repeatItems(size, seq.(*Tuple).items, n)
	return &Tuple{items: items}, err
}

func repeatItems(size func(int) error, items []Value, n int64) ([]Value, error) {
	if err := size(16 * len(items)); err != nil || len(items) == 0 {
		return nil, err
	}
	out := make([]Value, 0, len(items)*int(n))
	for range n {
		out = append(out, items...)
	}
	return out, nil
}

func arith(op string, x, y num) (Value, error) {
	if op == "**" {
		return power(x, y)
	}
	if x.kind == 'f' || y.kind == 'f' {
		a, err := x.float()
		if err != nil {
			return nil, err
		}
		b, err := y.float()
		if err != nil {
			return nil, err
		}
		return floatOp(op, a, b)
	}
	if op == "/" {
		return trueDiv(x, y)
	}
	a, b := x.i, y.i
	if x.kind == 'i' && y.kind == 'i' {
		switch op {
		case "+":
			if c := a + b; (c > a) == (b > 0) {
				return c, nil
			}
		case "-":
			if c := a - b; (c < a) == (b > 0) {
				return c, nil
			}
		case "*":
			if a == 0 || b == 0 {
				return int64(0), nil
			}
			if c := a * b; c/b == a && !(a == -1 && b == math.MinInt64) && !(b == -1 && a == math.MinInt64) {
				return c, nil
			}
		}
	}
	p, q := x.big(), y.big()
	switch op {
	case "+":
		return normBig(new(big.Int).Add(p, q))
	case "-":
		return normBig(new(big.Int).Sub(p, q))
	case "*":
		return normBig(new(big.Int).Mul(p, q))
	}
	if q.Sign() == 0 {
		return nil, errf(KindZeroDiv, "integer division or modulo by zero")
	}
	div, mod := new(big.Int), new(big.Int)
	div.QuoRem(p, q, mod)
	if mod.Sign() != 0 && mod.Sign() != q.Sign() {
		div.Sub(div, big.NewInt(1))
		mod.Add(mod, q)
	}
	if op == "//" {
		return normBig(div)
	}
	return normBig(mod)
}

func trueDiv(x, y num) (Value, error) {
	const exact = 1 << 53
	if y.kind == 'i' && y.i == 0 {
		return nil, errf(KindZeroDiv, "division by zero")
	}
	if x.kind == 'i' && y.kind == 'i' && x.i > -exact && x.i < exact && y.i > -exact && y.i < exact {
		return float64(x.i) / float64(y.i), nil
	}
	f, _ := new(big.Rat).SetFrac(x.big(), y.big()).Float64()
	if math.IsInf(f, 0) {
		return nil, errf(KindOverflow, "integer division result too large for a float")
	}
	return f, nil
}

func floatOp(op string, a, b float64) (Value, error) {
	switch op {
	case "+":
		return a + b, nil
	case "-":
		return a - b, nil
	case "*":
		return a * b, nil
	case "/":
		if b == 0 {
			return nil, errf(KindZeroDiv, "float division by zero")
		}
		return a / b, nil
	}
	if b == 0 {
		if op == "//" {
			return nil, errf(KindZeroDiv, "float floor division by zero")
		}
		return nil, errf(KindZeroDiv, "float modulo")
	}
	div, mod := floatDivMod(a, b)
	if op == "//" {
		return div, nil
	}
	return mod, nil
}

// floatDivMod is Python's divmod of floats: the remainder has the sign of b.
func floatDivMod(a, b float64) (div, mod float64) {
	mod = math.Mod(a, b)
	div = (a - mod) / b
	if mod != 0 {
		if (b < 0) != (mod < 0) {
			mod += b
			div--
		}
	} else {
		mod = math.Copysign(0, b)
	}
	if div == 0 {
		return math.Copysign(0, a/b), mod
	}
	f := math.Floor(div)
	if div-f > 0.5 {
		f++
	}
	return f, mod
}

func power(x, y num) (Value, error) {
	if x.kind != 'f' && y.kind != 'f' {
		if neg := y.kind == 'i' && y.i < 0 || y.kind == 'b' && y.b.Sign() < 0; !neg {
			return intPower(x, y)
		}
	}
	a, err := x.float()
	if err != nil {
		return nil, err
	}
	b, err := y.float()
	if err != nil {
		return nil, err
	}
	if a == 0 && b < 0 {
		return nil, errf(KindZeroDiv, "0.0 cannot be raised to a negative power")
	}
	if a < 0 && !math.IsInf(a, 0) && !math.IsInf(b, 0) && b != math.Trunc(b) {
		return nil, errf(KindUnsupported, "a negative number to a fractional power is complex")
	}
	r := pow(a, b)
	if math.IsInf(r, 0) && !math.IsInf(a, 0) && !math.IsInf(b, 0) {
		return nil, errf(KindOverflow, "(34, 'Numerical result out of range')")
	}
	return r, nil
}

func intPower(x, y num) (Value, error) {
	base := x.big()
	if base.IsInt64() && (base.Int64() == 0 || base.Int64() == 1) {
		if y.big().Sign() == 0 {
			return int64(1), nil
		}
		return base.Int64(), nil
	}
	if base.IsInt64() && base.Int64() == -1 {
		if y.big().Bit(0) == 0 {
			return int64(1), nil
		}
		return int64(-1), nil
	}
	if y.kind == 'b' || y.i*int64(base.BitLen()-1) > intBits || y.i > intBits {
		return nil, errf(KindLimit, "integer of more than %d bits", intBits)
	}
	return normBig(new(big.Int).Exp(base, y.big(), nil))
}
