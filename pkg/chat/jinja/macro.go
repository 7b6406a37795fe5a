package jinja

import "slices"

// macro is a macro or the caller of a call block, bound to the frame it was defined in.
type macro struct {
	def   *macroDef
	frame *frame
}

func (st *state) enterCall() error {
	if st.calls >= st.lim.Calls {
		return errf(KindRecursion, "more than %d nested macro calls", st.lim.Calls)
	}
	st.calls++
	return nil
}

func (m *macro) label() string {
	if m.def.name == "" {
		return "None"
	}
	return pyQuote(m.def.name)
}

// call binds the arguments as jinja2's Macro does and returns what the body prints.
func (m *macro) call(st *state, a *args) (Value, error) {
	d := m.def
	if err := st.enterCall(); err != nil {
		return nil, err
	}
	defer func() { st.calls-- }()
	if err := st.allocItems(d.nslots); err != nil {
		return nil, err
	}
	f := &frame{slots: make([]Value, d.nslots), parent: m.frame}
	if err := m.bind(st, f, a); err != nil {
		return nil, err
	}
	text, _, err := st.capture(f, d.body)
	return text, err
}

func (m *macro) bind(st *state, f *frame, a *args) error {
	d := m.def
	used := make([]bool, len(a.names))
	take := func(name string) Value {
		for i, n := range a.names {
			if n.s == name && !used[i] {
				used[i] = true
				return a.vals[i]
			}
		}
		return nil
	}
	callerBound := false
	for i, slot := range d.paramSlots {
		if i < len(a.pos) {
			f.slots[slot] = a.pos[i]
			continue
		}
		f.slots[slot] = take(d.params[i])
		if d.params[i] == "caller" {
			callerBound = true
		}
	}
	if len(a.pos) >= len(d.params) {
		callerBound = slices.Contains(d.params, "caller")
	}
	if d.usesCaller && !callerBound {
		c := take("caller")
		if c == nil || c == None {
			c = &Undefined{hint: "No caller defined", name: newStr("caller")}
		}
		f.slots[d.callerSlot] = c
	}
	if err := m.extra(f, a, used); err != nil {
		return err
	}
	// A default that reads a parameter not bound yet sees it undefined, not a variable outside.
	var missing []int
	for i, slot := range d.paramSlots {
		if f.slots[slot] == nil {
			missing = append(missing, i)
			f.slots[slot] = &Undefined{name: newStr(d.params[i])}
		}
	}
	for _, i := range missing {
		slot := d.paramSlots[i]
		k := i - (len(d.params) - len(d.defaults))
		if k < 0 {
			f.slots[slot] = &Undefined{hint: "parameter " + pyQuote(d.params[i]) + " was not provided", name: newStr(d.params[i])}
			continue
		}
		v, err := st.ev(f, d.defaults[k])
		if err != nil {
			return err
		}
		f.slots[slot] = v
	}
	return nil
}

// extra handles the arguments that no parameter took.
func (m *macro) extra(f *frame, a *args, used []bool) error {
	d := m.def
	rest := &Dict{}
	for i, n := range a.names {
		if !used[i] {
			rest.put(n.s, n, a.vals[i])
		}
	}
	if d.usesKwargs {
		f.slots[d.kwargsSlot] = rest
	} else if rest.Len() > 0 {
		if rest.getName("caller") != nil {
			return typeErr("macro %s was invoked with two values for the special caller argument. This is most likely a bug.", m.label())
		}
		return typeErr("macro %s takes no keyword argument %s", m.label(), pyQuote(rest.keys[0].(*Str).s))
	}
	if d.usesVarargs {
		f.slots[d.varargSlot] = &Tuple{items: a.pos[min(len(a.pos), len(d.params)):]}
	} else if len(a.pos) > len(d.params) {
		return typeErr("macro %s takes not more than %d argument(s)", m.label(), len(d.params))
	}
	return nil
}

// attr returns nil when a macro has no such attribute.
func (m *macro) attr(name string) Value {
	d := m.def
	switch name {
	case "name":
		if d.name == "" {
			return None
		}
		return newStr(d.name)
	case "arguments":
		t := &Tuple{}
		for _, p := range d.params {
			t.items = append(t.items, newStr(p))
		}
		return t
	case "catch_kwargs":
		return d.usesKwargs
	case "catch_varargs":
		return d.usesVarargs
	case "caller":
		return d.usesCaller
	case "explicit_caller":
		return slices.Contains(d.params, "caller")
	}
	return nil
}
