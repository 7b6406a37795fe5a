package jinja

import (
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode"
)

func truncFloat(f float64) (*big.Int, error) {
	if math.IsNaN(f) {
		return nil, valueErr("cannot convert float NaN to integer")
	}
	if math.IsInf(f, 0) {
		return nil, errf(KindOverflow, "cannot convert float infinity to integer")
	}
	b, _ := big.NewFloat(math.Trunc(f)).Int(nil)
	return b, nil
}

// asciiDigits turns decimal digits of any script into ASCII ones.
func asciiDigits(s string) string {
	if isASCII(s) {
		return s
	}
	return strings.Map(func(r rune) rune {
		if r >= 0x80 && unicode.Is(unicode.Nd, r) {
			for z := r; ; z-- {
				if r-z == 9 || !unicode.Is(unicode.Nd, z-1) {
					return '0' + (r-z)%10
				}
			}
		}
		return r
	}, s)
}

// plainDigits removes single underscores between digits; ok is false when one stands elsewhere.
func plainDigits(s string, digit func(c byte) bool) (string, bool) {
	for i := range len(s) {
		if s[i] == '_' && (i == 0 || i+1 == len(s) || !digit(s[i-1]) || !digit(s[i+1])) {
			return "", false
		}
	}
	return strings.ReplaceAll(s, "_", ""), true
}

// strToInt is int(str, base).
func strToInt(text string, base int64) (Value, error) {
	bad := func() (Value, error) {
		return nil, valueErr("invalid literal for int() with base %d: %s", base, pyQuote(text))
	}
	if base != 0 && (base < 2 || base > 36) {
		return nil, valueErr("int() base must be >= 2 and <= 36, or 0")
	}
	s := asciiDigits(strings.TrimFunc(text, isSpace))
	neg := strings.HasPrefix(s, "-")
	if neg || strings.HasPrefix(s, "+") {
		s = s[1:]
	}
	b := base
	if len(s) > 2 && s[0] == '0' {
		want := map[byte]int64{'b': 2, 'o': 8, 'x': 16}[s[1]|0x20]
		if want != 0 && (base == 0 || base == want) {
			b = want
			s = strings.TrimPrefix(s[2:], "_")
		}
	}
	if b == 0 {
		b = 10
		if strings.Trim(s, "0_") != "" && s[0] == '0' {
			return bad()
		}
	}
	alnum := func(c byte) bool { return isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'z' }
	digits, ok := plainDigits(s, alnum)
	if !ok || digits == "" || !alnum(digits[0]) {
		return bad()
	}
	v, err := parseInt(digits, int(b))
	if err != nil {
		if e := err.(*Error); e.Kind == KindValue && strings.HasPrefix(e.Msg, "invalid") {
			return bad()
		}
		return nil, err
	}
	if neg {
		return sign(v, '-')
	}
	return v, nil
}

// toInt is int(v).
func toInt(v Value) (Value, error) {
	switch v := v.(type) {
	case *Str:
		return strToInt(v.s, 10)
	case *Undefined:
		return nil, v.err()
	case float64:
		b, err := truncFloat(v)
		if err != nil {
			return nil, err
		}
		return normBig(b)
	}
	n := toNum(v)
	if n.kind == 0 {
		return nil, typeErr("int() argument must be a string, a bytes-like object or a real number, not '%s'", typeName(v))
	}
	return normBig(n.big())
}

// toFloat is float(v).
func toFloat(v Value) (float64, error) {
	switch v := v.(type) {
	case *Str:
		return strToFloat(v.s)
	case *Undefined:
		return 0, v.err()
	}
	n := toNum(v)
	if n.kind == 0 {
		return 0, typeErr("float() argument must be a string or a real number, not '%s'", typeName(v))
	}
	return n.float()
}

func strToFloat(text string) (float64, error) {
	s := asciiDigits(strings.TrimFunc(text, isSpace))
	bad := valueErr("could not convert string to float: %s", pyQuote(text))
	t, ok := plainDigits(s, isDigit)
	if !ok || t == "" {
		return 0, bad
	}
	switch strings.ToLower(strings.TrimLeft(t, "+-")) {
	case "inf", "infinity", "nan":
	default:
		if strings.Trim(t, "0123456789+-.eE") != "" || len(t) > 1<<20 {
			return 0, bad
		}
	}
	f, err := strconv.ParseFloat(t, 64)
	if err != nil && err.(*strconv.NumError).Err == strconv.ErrSyntax {
		return 0, bad
	}
	return f, nil
}

// round is round(v, prec).
func round(v Value, prec int64) (Value, error) {
	n := toNum(v)
	switch n.kind {
	case 'f':
		return roundFloat(n.f, prec)
	case 0:
		return nil, typeErr("type %s doesn't define __round__ method", typeName(v))
	}
	if prec >= 0 {
		return normBig(n.big())
	}
	if -prec > 5000 {
		return int64(0), nil
	}
	return normBig(roundBig(n.big(), -prec))
}

// roundBig rounds to a multiple of 10^k, halves to even.
func roundBig(b *big.Int, k int64) *big.Int {
	unit := new(big.Int).Exp(big.NewInt(10), big.NewInt(k), nil)
	q, r := new(big.Int).DivMod(b, unit, new(big.Int))
	c := new(big.Int).Lsh(r, 1).Cmp(unit)
	if c > 0 || c == 0 && q.Bit(0) == 1 {
		q.Add(q, big.NewInt(1))
	}
	return q.Mul(q, unit)
}

func roundFloat(f float64, prec int64) (Value, error) {
	if math.IsNaN(f) || math.IsInf(f, 0) || prec > 400 {
		return f, nil
	}
	if prec < -400 {
		return math.Copysign(0, f), nil
	}
	if prec >= 0 {
		r, err := strconv.ParseFloat(strconv.FormatFloat(f, 'f', int(prec), 64), 64)
		if err != nil {
			return nil, errf(KindOverflow, "rounded value too large to represent")
		}
		return r, nil
	}
	// Halves are decided on the exact value: anything beyond the integer part breaks the tie upwards.
	whole := math.Trunc(math.Abs(f))
	b, _ := big.NewFloat(whole).Int(nil)
	twice := new(big.Int).Lsh(b, 1)
	if whole != math.Abs(f) {
		twice.Add(twice, big.NewInt(1))
	}
	unit := new(big.Int).Exp(big.NewInt(10), big.NewInt(-prec), nil)
	unit.Lsh(unit, 1)
	q, r := new(big.Int).DivMod(twice, unit, new(big.Int))
	c := new(big.Int).Lsh(r, 1).Cmp(unit)
	if c > 0 || c == 0 && q.Bit(0) == 1 {
		q.Add(q, big.NewInt(1))
	}
	q.Mul(q, unit.Rsh(unit, 1))
	r2, _ := new(big.Float).SetInt(q).Float64()
	return math.Copysign(r2, f), nil
}
