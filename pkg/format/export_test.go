package format

import (
	"github.com/tessera-llm/tessera/pkg/ir"
)

// What the tests outside the package need.
var DecodeManifest = decodeManifest

// EncodeSegment writes what DecodeSegment gave.
func EncodeSegment(s ir.Segment) ([]byte, error) { return encodeSegment(s, true) }

func DecodeSegment(data []byte, weight func(string) (*ir.Expr, error)) (ir.Segment, error) {
	return decodeSegment(data, true, weight)
}

// DecodeFirst reads a graph of the first target.
func DecodeFirst(data []byte, weight func(string) (*ir.Expr, error)) (ir.Segment, error) {
	return decodeSegment(data, false, weight)
}

func (m *Manifest) Encode() ([]byte, error) { return m.encode() }

// SegmentVersion is the revision of the graphs.
const SegmentVersion = segmentVersion

// StageOf is the folder a writer writes into.
func StageOf(w *Writer) string { return w.stage.dir }

const LockSuffix = lockSuffix

// ExchangeByRename is the way of systems that cannot exchange two folders.
var ExchangeByRename = exchangeByRename

// DecodeTemplates reads a file of chat templates.
var DecodeTemplates = decodeTemplates
