package jinja

// expr is an expression; line numbers live in the nodes that can fail.
type expr interface {
	eval(st *state, f *frame) (Value, error)
}

// ctl says how a statement ended.
type ctl uint8

const (
	ctlNext ctl = iota
	ctlBreak
	ctlContinue
)

// stmt is a statement.
type stmt interface {
	exec(st *state, f *frame) (ctl, error)
}

type (
	constExpr struct{ v Value }

	// nameExpr reads a variable: the first set slot of refs, else, if vars, what the rendering was given.
	nameExpr struct {
		name string
		str  *Str
		refs []slotRef
		vars bool
		line int
	}
	tupleExpr struct{ items []expr }
	listExpr  struct{ items []expr }
	dictExpr  struct{ keys, vals []expr }
	attrExpr  struct {
		obj  expr
		name *Str
		line int
	}
	itemExpr struct {
		obj, arg expr
		line     int
	}
	// sliceExpr is obj[lo:hi:step]; absent bounds are nil.
	sliceExpr struct {
		obj, lo, hi, step expr
		line              int
	}
	callExpr struct {
		fn   expr
		args callArgs
		line int
	}
	// filterExpr applies a filter; a nil node stands for the text of the enclosing block.
	filterExpr struct {
		node expr
		name string
		fn   filterFunc
		args callArgs
		line int
	}
	testExpr struct {
		node expr
		name string
		fn   testFunc
		args callArgs
		line int
	}
	unaryExpr struct {
		op   byte // '!', '-', '+'
		x    expr
		line int
	}
	binExpr struct {
		op   string
		a, b expr
		line int
	}
	logicExpr struct {
		or   bool
		a, b expr
	}
	concatExpr  struct{ items []expr }
	compareExpr struct {
		first expr
		ops   []string
		rest  []expr
		line  int
	}
	condExpr struct {
		test, yes, no expr // no may be nil
		line          int
	}
)

// callArgs are the arguments of a call, filter or test as written.
type callArgs struct {
	pos   []expr
	names []string
	vals  []expr
	star  expr
	dstar expr
}

type (
	outputStmt struct {
		items []expr
		line  int
	}
	ifStmt struct {
		tests  []expr
		bodies [][]stmt
		orelse []stmt
		line   int
	}
	forStmt struct {
		target     target
		iter       expr
		test       expr
		testTarget target // the target again, in the scope of the test
		body       []stmt
		orelse     []stmt
		recursive  bool
		line       int

		loopSlot  int // -1 when the body does not read loop
		bodyScope slotRange
		testScope slotRange
		elseScope slotRange
		nslots    int // of the frame a recursive loop runs in
	}
	macroStmt struct {
		target *nameTarget
		def    *macroDef
		line   int
	}
	callStmt struct {
		call *callExpr
		def  *macroDef
		line int
	}
	filterStmt struct {
		filter expr
		body   []stmt
		scope  slotRange
		line   int
	}
	withStmt struct {
		targets []target
		vals    []expr
		body    []stmt
		scope   slotRange
		line    int
	}
	setStmt struct {
		target target
		val    expr
		line   int
	}
	setBlockStmt struct {
		target target
		filter expr // nil without
		body   []stmt
		scope  slotRange
		line   int
	}
	jumpStmt struct{ ctl ctl }
)

// macroDef is the function a macro or call block defines.
type macroDef struct {
	name     string // "" for a call block
	params   []string
	defaults []expr // of the last parameters
	body     []stmt
	line     int

	usesCaller, usesKwargs, usesVarargs bool

	nslots                             int
	paramSlots                         []int
	callerSlot, kwargsSlot, varargSlot int
}

// slotRef names a slot in the frame up levels above.
type slotRef struct{ up, slot int }

type slotRange struct{ base, n int }

type target interface {
	assign(st *state, f *frame, v Value) error
}

type (
	nameTarget struct {
		name string
		slot int
	}
	nsTarget struct {
		ns   *nameExpr
		attr *Str
	}
	tupleTarget struct{ items []target }
)

// frame holds the variables of one running function: the template, a macro, a call block or a recursive loop.
type frame struct {
	slots  []Value
	parent *frame
}

func (f *frame) reset(r slotRange) {
	clear(f.slots[r.base : r.base+r.n])
}
