package jinja

import "math/big"

// testFunc decides "v is name(args)".
type testFunc func(st *state, v Value, a *args) (bool, error)

var tests map[string]testFunc

func init() {
	tests = map[string]testFunc{
		"boolean":     kind("boolean", func(v Value) bool { _, ok := v.(bool); return ok }),
		"callable":    kind("callable", isCallable),
		"defined":     kind("defined", func(v Value) bool { return !isUndef(v) }),
		"divisibleby": testDivisible,
		"escaped":     kind("escaped", func(v Value) bool { s, ok := v.(*Str); return ok && s.markup }),
		"even":        parity("even", 0),
		"false":       kind("false", func(v Value) bool { return v == false }),
		"filter":      testFilter,
		"float":       kind("float", func(v Value) bool { _, ok := v.(float64); return ok }),
		"in":          testIn,
		"integer":     kind("integer", isInt),
		"iterable":    kind("iterable", func(v Value) bool { _, err := iterate(v); return err == nil }),
		"lower":       testCase("lower", isLowerStr),
		"mapping":     kind("mapping", func(v Value) bool { _, ok := v.(*Dict); return ok }),
		"none":        kind("none", func(v Value) bool { return v == None }),
		"number":      kind("number", func(v Value) bool { return toNum(v).kind != 0 }),
		"odd":         parity("odd", 1),
		"sameas":      testSame,
		"sequence":    kind("sequence", isSequence),
		"string":      kind("string", func(v Value) bool { _, ok := v.(*Str); return ok }),
		"test":        testTest,
		"true":        kind("true", func(v Value) bool { return v == true }),
		"undefined":   kind("undefined", isUndef),
		"upper":       testCase("upper", isUpperStr),
	}
	for op, names := range map[string][]string{
		"==": {"==", "eq", "equalto"}, "!=": {"!=", "ne"}, ">": {">", "gt", "greaterthan"},
		">=": {">=", "ge"}, "<": {"<", "lt", "lessthan"}, "<=": {"<=", "le"},
	} {
		for _, n := range names {
			tests[n] = func(st *state, v Value, a *args) (bool, error) {
				b, err := a.only(n, "other")
				if err != nil {
					return false, err
				}
				return compare(st, op, v, b)
			}
		}
	}
}

func kind(name string, f func(v Value) bool) testFunc {
	return func(_ *state, v Value, a *args) (bool, error) { return f(v), a.none(name) }
}

func isUndef(v Value) bool { _, ok := v.(*Undefined); return ok }

// isCallable holds for undefined values too: their class can be called, to raise.
func isCallable(v Value) bool {
	switch v.(type) {
	case *Func, *macro, *loopObj, *joiner, *Undefined:
		return true
	}
	return false
}

func isSequence(v Value) bool {
	switch v.(type) {
	case *Str, *List, *Tuple, *Dict, *rangeObj, *Undefined:
		return true
	}
	return false
}

func parity(name string, rest int64) testFunc {
	return func(st *state, v Value, a *args) (bool, error) {
		if err := a.none(name); err != nil {
			return false, err
		}
		r, err := binary(st, "%", v, int64(2))
		if err != nil {
			return false, err
		}
		return equal(st, r, rest)
	}
}

func testDivisible(st *state, v Value, a *args) (bool, error) {
	n, err := a.only("divisibleby", "num")
	if err != nil {
		return false, err
	}
	r, err := binary(st, "%", v, n)
	if err != nil {
		return false, err
	}
	return equal(st, r, int64(0))
}

func testCase(name string, f func(string) bool) testFunc {
	return func(st *state, v Value, a *args) (bool, error) {
		s, err := st.str(v)
		if err != nil {
			return false, err
		}
		return f(s.s), a.none(name)
	}
}

func testIn(st *state, v Value, a *args) (bool, error) {
	seq, err := a.only("in", "seq")
	if err != nil {
		return false, err
	}
	return contains(st, seq, v)
}

func testSame(_ *state, v Value, a *args) (bool, error) {
	other, err := a.only("sameas", "other")
	if err != nil {
		return false, err
	}
	if _, ok := v.(*big.Int); ok {
		return false, nil
	}
	return same(v, other), nil
}

func testFilter(_ *state, v Value, a *args) (bool, error) {
	if _, err := hashKey(v, 0); err != nil {
		return false, err
	}
	s, ok := v.(*Str)
	return ok && filters[s.s] != nil, a.none("filter")
}

func testTest(_ *state, v Value, a *args) (bool, error) {
	if _, err := hashKey(v, 0); err != nil {
		return false, err
	}
	s, ok := v.(*Str)
	return ok && tests[s.s] != nil, a.none("test")
}
