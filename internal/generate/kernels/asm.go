package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"sort"
	"strings"
)

// asm collects the text of one assembly file. Instructions that belong to one
// step stand on one line, separated by semicolons.
type asm struct {
	doc       string // comment of the file, without slashes
	include   []string
	constants string // name of the file's table of constants
	values    map[uint32]int
	tables    map[string][]byte // constants of 16 or 32 bytes
	stubs     []string          // declarations
	b         strings.Builder
}

// p writes the instructions of format, separated by semicolons or line ends.
func (a *asm) p(format string, args ...any) {
	text, line := fmt.Sprintf(format, args...), ""
	if strings.Contains(text, "%!") {
		panic("format and arguments do not fit: " + text)
	}
	for _, in := range strings.FieldsFunc(text, func(r rune) bool { return r == ';' || r == '\n' }) {
		if in = strings.TrimSpace(in); in == "" {
			continue
		}
		if line != "" && len(line)+len(in) > 110 {
			a.b.WriteString("\t" + line + "\n")
			line = ""
		}
		if line != "" {
			line += "; "
		}
		line += in
	}
	if line != "" {
		a.b.WriteString("\t" + line + "\n")
	}
}

// zip writes format once for every element of the first list among the
// columns, all instructions of one turn before the next.
func (a *asm) zip(format string, columns ...any) { a.p("%s", zip(format, columns...)) }

// seq is a column of numbers.
type seq struct{ start, step int }

func zip(format string, columns ...any) string {
	n := -1
	for _, c := range columns {
		if l, ok := c.([]string); ok && n < 0 {
			n = len(l)
		}
	}
	if n < 0 {
		panic("zip without a list: " + format)
	}
	out := make([]string, n)
	for i := range out {
		args := make([]any, len(columns))
		for j, c := range columns {
			switch c := c.(type) {
			case []string:
				args[j] = c[i]
			case seq:
				args[j] = c.start + i*c.step
			default:
				args[j] = c
			}
		}
		out[i] = fmt.Sprintf(format, args...)
	}
	return strings.Join(out, "; ")
}

// z and y are n registers from first on.
func z(first, n int) []string { return registers("Z", first, n) }
func y(first, n int) []string { return registers("Y", first, n) }

func registers(kind string, first, n int) []string {
	r := make([]string, n)
	for i := range r {
		r[i] = fmt.Sprint(kind, first+i)
	}
	return r
}

func (a *asm) label(l string) { a.b.WriteString(l + ":\n") }

// loop writes body under a label and, behind it, the countdown of register counter.
func (a *asm) loop(label, counter string, body func()) {
	a.label(label)
	body()
	a.p("DECQ %s; JNZ %s", counter, label)
}

// text begins a function. params are its Go parameters, all of 8 bytes, as in the
// declaration.
func (a *asm) text(name, params, comment string) {
	a.textBytes(name, params, comment, 8*len(names(params)))
}

// textBytes is text for parameters of a given size in all.
func (a *asm) textBytes(name, params, comment string, bytes int) {
	if comment != "" && len(name+params+comment) > 105 {
		comment = ":\n// " + comment
	} else if comment != "" {
		comment = ": " + comment
	}
	fmt.Fprintf(&a.b, "\n// func %s(%s)%s\nTEXT ·%s(SB), NOSPLIT, $0-%d\n", name, params, comment, name, bytes)
	a.stubs = append(a.stubs, fmt.Sprintf("func %s(%s)", name, params))
}

// arguments loads the parameters that have a register.
func (a *asm) arguments(params string, regs map[string]string) {
	for i, n := range names(params) {
		if r := regs[n]; r != "" {
			a.p("MOVQ %s+%d(FP), %s", n, 8*i, r)
		}
	}
}

// names lists the names of Go parameters.
func names(params string) (ns []string) {
	for _, p := range strings.Split(params, ",") {
		ns = append(ns, strings.Fields(p)[0])
	}
	return ns
}

// constant is the address of a dword.
func (a *asm) constant(v uint32) string {
	at, ok := a.values[v]
	if !ok {
		at = 4 * len(a.values)
		if a.values == nil {
			a.values = map[uint32]int{}
		}
		a.values[v] = at
	}
	return fmt.Sprintf("·%s<>+%d(SB)", a.constants, at)
}

// constant32 is the address of 32 bytes that repeat v.
func (a *asm) constant32(name string, v uint64) string {
	if a.tables == nil {
		a.tables = map[string][]byte{}
	}
	a.tables[name] = bytes.Repeat(binary.LittleEndian.AppendUint64(nil, v), 4)
	return "·" + name + "<>(SB)"
}

// lookup is the address of the table of r, 16 bytes, each plus add.
func (a *asm) lookup(r recipe, add int) string {
	name := fmt.Sprintf("lut%d%s", add, r.name)
	b := make([]byte, 16)
	for i, v := range r.LUT {
		b[i] = byte(int(v) + add)
	}
	if a.tables == nil {
		a.tables = map[string][]byte{}
	}
	a.tables[name] = b
	return "·" + name + "<>(SB)"
}

// String is the whole file.
func (a *asm) String() string {
	var b strings.Builder
	b.WriteString(header + "\n#include \"textflag.h\"\n#include \"go_asm.h\"\n")
	for _, f := range a.include {
		fmt.Fprintf(&b, "#include %q\n", f)
	}
	b.WriteString("\n")
	for _, l := range strings.Split(strings.TrimSpace(a.doc), "\n") {
		b.WriteString(strings.TrimRight("// "+l, " ") + "\n")
	}
	byAt := make([]uint32, len(a.values))
	for v, at := range a.values {
		byAt[at/4] = v
	}
	if len(byAt) > 0 {
		b.WriteString("\n")
		for i, v := range byAt {
			fmt.Fprintf(&b, "DATA ·%s<>+%d(SB)/4, $%#08x\n", a.constants, 4*i, v)
		}
		fmt.Fprintf(&b, "GLOBL ·%s<>(SB), RODATA|NOPTR, $%d\n", a.constants, 4*len(byAt))
	}
	var names []string
	for n := range a.tables {
		names = append(names, n)
	}
	sort.Strings(names)
	for _, n := range names {
		b.WriteString("\n")
		t := a.tables[n]
		for i := 0; i < len(t); i += 8 {
			fmt.Fprintf(&b, "DATA ·%s<>+%d(SB)/8, $%#016x\n", n, i, binary.LittleEndian.Uint64(t[i:]))
		}
		fmt.Fprintf(&b, "GLOBL ·%s<>(SB), RODATA|NOPTR, $%d\n", n, len(t))
	}
	b.WriteString(a.b.String())
	return b.String()
}
