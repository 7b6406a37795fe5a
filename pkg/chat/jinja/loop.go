package jinja

import "strconv"

func (s *forStmt) exec(st *state, f *frame) (ctl, error) {
	v, err := st.ev(f, s.iter)
	if err != nil {
		return ctlNext, atLine(err, s.line)
	}
	if !s.recursive {
		c, err := s.loop(st, f, v, nil, 0)
		return c, atLine(err, s.line)
	}
	text, err := s.recurse(st, f, v, 0)
	if err == nil {
		err = st.emit(text)
	}
	return ctlNext, atLine(err, s.line)
}

// recurse runs a recursive loop as a function of its own: def is the frame the loop stands in.
func (s *forStmt) recurse(st *state, def *frame, v Value, depth int64) (*Str, error) {
	if err := st.enterCall(); err != nil {
		return nil, err
	}
	defer func() { st.calls-- }()
	if err := st.allocItems(s.nslots); err != nil {
		return nil, err
	}
	f := &frame{slots: make([]Value, s.nslots), parent: def}
	outer := st.out
	st.out = &buf{}
	_, err := s.loop(st, f, v, def, depth)
	text := st.out.done()
	st.out = outer
	return text, err
}

// loop iterates over v. The else branch runs when no iteration reached the end of the body:
// an iteration left by break or continue does not count, as in jinja2.
func (s *forStmt) loop(st *state, f *frame, v Value, def *frame, depth int64) (ctl, error) {
	it, err := iterate(v)
	if err != nil {
		return ctlNext, err
	}
	if s.test != nil {
		g := newGen(s.filtered(f, it))
		v, it = g, g
	}
	var lp *loopObj
	if s.loopSlot >= 0 {
		lp = &loopObj{src: v, it: it, index0: -1, stmt: s, def: def, depth0: depth}
		it = lp
	}
	completed := false
	for {
		x, ok, err := it.next(st)
		if err != nil {
			return ctlNext, err
		}
		if !ok {
			break
		}
		if err := st.step(); err != nil {
			return ctlNext, err
		}
		if lp != nil {
			x = lp.current
		}
		f.reset(s.bodyScope)
		if err := s.target.assign(st, f, x); err != nil {
			return ctlNext, err
		}
		if lp != nil {
			f.slots[s.loopSlot] = lp
		}
		c, err := st.run(f, s.body)
		if err != nil {
			return ctlNext, err
		}
		if c == ctlBreak {
			break
		}
		completed = completed || c == ctlNext
	}
	f.reset(s.bodyScope)
	if completed || len(s.orelse) == 0 {
		return ctlNext, nil
	}
	f.reset(s.elseScope)
	c, err := st.run(f, s.orelse)
	f.reset(s.elseScope)
	return c, err
}

// filtered yields the items that pass the test of the loop.
func (s *forStmt) filtered(f *frame, it iterator) funcIter {
	return func(st *state) (Value, bool, error) {
		for {
			x, ok, err := it.next(st)
			if err != nil || !ok {
				return nil, false, err
			}
			if err := st.step(); err != nil {
				return nil, false, err
			}
			if err := s.testTarget.assign(st, f, x); err != nil {
				return nil, false, err
			}
			v, err := st.ev(f, s.test)
			if err != nil {
				return nil, false, err
			}
			if t, err := truth(st, v); t || err != nil {
				return x, true, err
			}
		}
	}
}

// loopObj is the variable loop.
type loopObj struct {
	src    Value
	it     iterator
	index0 int64
	depth0 int64

	after           Value // the item peeked at, nil when none was
	current, before Value
	size            int // length + 1 once known
	lastChanged     Value

	stmt *forStmt
	def  *frame // not nil in a recursive loop
}

func (l *loopObj) next(st *state) (Value, bool, error) {
	v := l.after
	l.after = nil
	if v == nil {
		var ok bool
		var err error
		if v, ok, err = l.it.next(st); err != nil || !ok {
			return nil, false, err
		}
	}
	l.index0++
	l.before, l.current = l.current, v
	return &Tuple{items: []Value{v, l}}, true, nil
}

func (l *loopObj) length(st *state) (int, error) {
	if l.size > 0 {
		return l.size - 1, nil
	}
	n := 0
	if sized(l.src) {
		var err error
		if n, err = length(st, l.src); err != nil {
			return 0, err
		}
	} else {
		rest, err := collect(st, newGen(l.it.next))
		if err != nil {
			return 0, err
		}
		l.it = &sliceIter{items: rest}
		n = len(rest) + int(l.index0) + 1
		if l.after != nil {
			n++
		}
	}
	l.size = n + 1
	return n, nil
}

func (l *loopObj) peek(st *state) (Value, error) {
	if l.after == nil {
		v, ok, err := l.it.next(st)
		if err != nil || !ok {
			return nil, err
		}
		l.after = v
	}
	return l.after, nil
}

func (l *loopObj) recurse(st *state, a *args) (Value, error) {
	v, err := a.only("__call__", "iterable")
	if err != nil {
		return nil, err
	}
	if l.def == nil {
		return nil, typeErr("The loop must have the 'recursive' marker to be called recursively.")
	}
	return l.stmt.recurse(st, l.def, v, l.depth0+1)
}

// attr returns nil when loop has no such attribute.
func (l *loopObj) attr(st *state, name string) (Value, error) {
	switch name {
	case "index":
		return l.index0 + 1, nil
	case "index0":
		return l.index0, nil
	case "first":
		return l.index0 == 0, nil
	case "depth":
		return l.depth0 + 1, nil
	case "depth0":
		return l.depth0, nil
	case "length", "revindex", "revindex0":
		n, err := l.length(st)
		switch name {
		case "revindex":
			return int64(n) - l.index0, err
		case "revindex0":
			return int64(n) - l.index0 - 1, err
		}
		return int64(n), err
	case "last":
		v, err := l.peek(st)
		return v == nil, err
	case "nextitem":
		v, err := l.peek(st)
		if v == nil {
			return newUndef("there is no next item"), err
		}
		return v, err
	case "previtem":
		if l.index0 == 0 {
			return newUndef("there is no previous item"), nil
		}
		return l.before, nil
	case "cycle":
		return &Func{name: name, call: func(st *state, a *args) (Value, error) {
			if len(a.pos) == 0 {
				return nil, typeErr("no items for cycling given")
			}
			return a.pos[l.index0%int64(len(a.pos))], nil
		}}, nil
	case "changed":
		return &Func{name: name, call: func(st *state, a *args) (Value, error) {
			now := &Tuple{items: a.pos}
			if l.lastChanged != nil {
				if eq, err := equal(st, l.lastChanged, now); eq || err != nil {
					return false, err
				}
			}
			l.lastChanged = now
			return true, nil
		}}, nil
	}
	return nil, nil
}

func (l *loopObj) repr(st *state) (string, error) {
	n, err := l.length(st)
	return "<LoopContext " + strconv.FormatInt(l.index0+1, 10) + "/" + strconv.Itoa(n) + ">", err
}
