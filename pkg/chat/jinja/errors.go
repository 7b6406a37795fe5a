package jinja

import "fmt"

// Error kinds, named after the Python exception that jinja2 raises in the same place.
// LimitError and UnsupportedError are ours: a bound of Limits was reached, or the template
// uses a part of Jinja that is outside the subset.
const (
	KindSyntax      = "TemplateSyntaxError"
	KindAssertion   = "TemplateAssertionError"
	KindTemplate    = "TemplateError"
	KindRuntime     = "TemplateRuntimeError"
	KindUndefined   = "UndefinedError"
	KindSecurity    = "SecurityError"
	KindFilterArg   = "FilterArgumentError"
	KindType        = "TypeError"
	KindValue       = "ValueError"
	KindKey         = "KeyError"
	KindIndex       = "IndexError"
	KindAttribute   = "AttributeError"
	KindZeroDiv     = "ZeroDivisionError"
	KindOverflow    = "OverflowError"
	KindRecursion   = "RecursionError"
	KindAssert      = "AssertionError"
	KindLimit       = "LimitError"
	KindUnsupported = "UnsupportedError"
)

// Error is what parsing and rendering return: the kind, the message as Python words it
// where templates can see it, and the line of the template (0 when unknown).
type Error struct {
	Kind string
	Msg  string
	Line int

	cause error
}

func (e *Error) Error() string {
	if e.Line > 0 {
		return fmt.Sprintf("template line %d: %s: %s", e.Line, e.Kind, e.Msg)
	}
	return fmt.Sprintf("template: %s: %s", e.Kind, e.Msg)
}

// Unwrap returns the context's error when the caller cancelled the rendering.
func (e *Error) Unwrap() error { return e.cause }

func errf(kind, format string, args ...any) *Error {
	return &Error{Kind: kind, Msg: fmt.Sprintf(format, args...)}
}

func typeErr(format string, args ...any) *Error { return errf(KindType, format, args...) }

func valueErr(format string, args ...any) *Error { return errf(KindValue, format, args...) }

// atLine fills in the line of an error that does not know it yet.
func atLine(err error, line int) error {
	if e, ok := err.(*Error); ok && e.Line == 0 {
		e.Line = line
	}
	return err
}
