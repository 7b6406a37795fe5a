package ir

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// AttrKind is the type of an attribute.
type AttrKind uint8

// Attribute kinds.
const (
	Int AttrKind = iota + 1
	Float
	String
	Ints
)

// Attr is one named, typed attribute of a node.
type Attr struct {
	Key  string
	Kind AttrKind
	I    int64
	F    float64
	S    string
	L    []int64
}

// Constructors of attributes.
func IntAttr(k string, v int64) Attr     { return Attr{Key: k, Kind: Int, I: v} }
func FloatAttr(k string, v float64) Attr { return Attr{Key: k, Kind: Float, F: v} }
func StringAttr(k, v string) Attr        { return Attr{Key: k, Kind: String, S: v} }
func IntsAttr(k string, v ...int64) Attr { return Attr{Key: k, Kind: Ints, L: v} }
func sortAttrs(a []Attr) {
	slices.SortFunc(a, func(x, y Attr) int { return strings.Compare(x.Key, y.Key) })
}
func (n *Node) attr(k string) (Attr, bool) {
	for _, a := range n.Attrs {
		if a.Key == k {
			return a, true
		}
	}
	return Attr{}, false
}

// Int returns attribute k, or 0.
func (n *Node) Int(k string) int64 { a, _ := n.attr(k); return a.I }

// Float returns attribute k, or 0.
func (n *Node) Float(k string) float64 { a, _ := n.attr(k); return a.F }

// Str returns attribute k, or "".
func (n *Node) Str(k string) string { a, _ := n.attr(k); return a.S }

// Ints returns attribute k, or nil.
func (n *Node) Ints(k string) []int64 { a, _ := n.attr(k); return a.L }

// Set replaces or adds an attribute.
func (n *Node) Set(a Attr) {
	for i := range n.Attrs {
		if n.Attrs[i].Key == a.Key {
			n.Attrs[i] = a
			return
		}
	}
	n.Attrs = append(n.Attrs, a)
	sortAttrs(n.Attrs)
}

// Equal reports whether both attributes hold the same key, kind and value;
// floats compare by bits.
func (a Attr) Equal(b Attr) bool {
	return a.Key == b.Key && a.Kind == b.Kind && a.I == b.I && a.S == b.S &&
		math.Float64bits(a.F) == math.Float64bits(b.F) && slices.Equal(a.L, b.L)
}

// String prints "key=value"; a float always carries a point or an exponent.
func (a Attr) String() string {
	switch a.Kind {
	case Int:
		return a.Key + "=" + strconv.FormatInt(a.I, 10)
	case Float:
		s := strconv.FormatFloat(a.F, 'g', -1, 64)
		if !strings.ContainsAny(s, ".eIN") {
			s += ".0"
		}
		return a.Key + "=" + s
	case String:
		return a.Key + "=" + strconv.Quote(a.S)
	case Ints:
		parts := make([]string, len(a.L))
		for i, v := range a.L {
			parts[i] = strconv.FormatInt(v, 10)
		}
		return a.Key + "=[" + strings.Join(parts, ",") + "]"
	}
	return fmt.Sprintf("%s=?%d", a.Key, a.Kind)
}
