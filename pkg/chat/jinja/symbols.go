package jinja

// origin says where a name that is not set in its scope comes from. jinja2 decides this when it compiles,
// by the first use of the name in the scope: a name that is stored before it is loaded there does not
// come from the variables of the rendering, even where an inner scope reads it earlier.
type origin uint8

const (
	fromVars  origin = iota // the variables of the rendering
	fromOuter               // the same name in the scope outside
	fromNone                // nothing: it is undefined until it is stored
	fromCall                // a parameter or loop target: always set
)

// symbols are the names of one scope.
type symbols struct {
	origin map[string]origin
	stored map[string]bool
	order  []string // stored names in order, for the slots
	parent *symbols // the scope outside
	base   *symbols // for a branch of an if: the names before it; the maps above hold what the branch adds
}

func newSymbols(parent *symbols) *symbols {
	return &symbols{origin: map[string]origin{}, stored: map[string]bool{}, parent: parent}
}

// here reports whether the scope itself has used the name.
func (s *symbols) here(name string) bool {
	for ; s != nil; s = s.base {
		if _, ok := s.origin[name]; ok {
			return true
		}
	}
	return false
}

// known reports whether this scope or one outside has used the name.
func (s *symbols) known(name string) bool {
	for ; s != nil; s = s.parent {
		if s.here(name) {
			return true
		}
	}
	return false
}

func (s *symbols) load(name string) {
	if !s.known(name) {
		s.origin[name] = fromVars
	}
}

func (s *symbols) loads(list ...expr) {
	for _, e := range list {
		walkExpr(e, func(e expr) {
			if n, ok := e.(*nameExpr); ok {
				s.load(n.name)
			}
		})
	}
}

func (s *symbols) isStored(name string) bool {
	for ; s != nil; s = s.base {
		if s.stored[name] {
			return true
		}
	}
	return false
}

func (s *symbols) add(name string) {
	if !s.isStored(name) {
		s.stored[name] = true
		s.order = append(s.order, name)
	}
}

func (s *symbols) store(name string) {
	s.add(name)
	if s.here(name) {
		return
	}
	if s.parent.known(name) {
		s.origin[name] = fromOuter
	} else {
		s.origin[name] = fromNone
	}
}

func (s *symbols) param(name string) {
	s.add(name)
	s.origin[name] = fromCall
}

func (s *symbols) target(t target) {
	switch t := t.(type) {
	case *nameTarget:
		s.store(t.name)
	case *nsTarget:
		s.load(t.ns.name)
	case *tupleTarget:
		for _, it := range t.items {
			s.target(it)
		}
	}
}

// visit collects the names that statements use in their own scope, in the order jinja2 looks at them.
func (s *symbols) visit(body []stmt) {
	for _, st := range body {
		switch st := st.(type) {
		case *outputStmt:
			s.loads(st.items...)
		case *setStmt:
			s.loads(st.val)
			s.target(st.target)
		case *setBlockStmt:
			s.target(st.target)
		case *ifStmt:
			s.visitIf(st, 0)
		case *forStmt:
			s.loads(st.iter)
		case *macroStmt:
			s.store(st.target.name)
		case *callStmt:
			if st.call != nil {
				s.loads(st.call)
			}
		case *filterStmt:
			s.loads(st.filter)
		case *withStmt:
			s.loads(st.vals...)
		}
	}
}

// branch is a copy that records only what is added to it.
func (s *symbols) branch() *symbols {
	c := newSymbols(s.parent)
	c.base = s
	return c
}

// visitIf merges the branches: a name stored in some of them but not all comes from outside otherwise.
// The elif branches count as one, each an if of its own.
func (s *symbols) visitIf(st *ifStmt, i int) {
	s.loads(st.tests[i])
	body := s.branch()
	body.visit(st.bodies[i])
	elifs := s.branch()
	orelse := s.branch()
	if i == 0 {
		for k := 1; k < len(st.tests); k++ {
			elifs.visitIf(st, k)
		}
		orelse.visit(st.orelse)
	}
	branches := []*symbols{body, elifs, orelse}
	count := map[string]int{}
	var names []string
	for _, b := range branches {
		for _, n := range b.order {
			if count[n] == 0 {
				names = append(names, n)
			}
			count[n]++
		}
	}
	for _, b := range branches {
		for k, v := range b.origin {
			s.origin[k] = v
		}
	}
	for _, n := range names {
		s.add(n)
		if count[n] == len(branches) {
			continue
		}
		s.origin[n] = fromVars
		if s.parent.known(n) {
			s.origin[n] = fromOuter
		}
	}
}
