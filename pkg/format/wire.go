package format

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// minMessage is less than any nested message of a sound segment takes. It
// keeps a small file from becoming a large graph in memory.
const minMessage = 8

// checkWire walks a message before it is decoded: fields that the schema does
// not have are errors at every depth, so are single fields that occur twice,
// so are numbers that the field's type cannot hold, which a decoder would cut
// off, and the number of nested messages is bounded by the size of the file.
func checkWire(data []byte, m protoreflect.MessageDescriptor) error {
	budget := len(data)/minMessage + 16
	return walkWire(data, m, &budget)
}

func walkWire(data []byte, m protoreflect.MessageDescriptor, budget *int) error {
	var seen uint64 // schema numbers are below 64
	for len(data) > 0 {
		num, typ, n := protowire.ConsumeTag(data)
		if n < 0 {
			return fmt.Errorf("%s: %w", m.Name(), protowire.ParseError(n))
		}
		data = data[n:]
		if n = protowire.ConsumeFieldValue(num, typ, data); n < 0 {
			return fmt.Errorf("%s: field %d: %w", m.Name(), num, protowire.ParseError(n))
		}
		value := data[:n]
		data = data[n:]
		f := m.Fields().ByNumber(num)
		if f == nil || num >= 64 {
			return fmt.Errorf("%s has an unknown field %d", m.Name(), num)
		}
		if !f.IsList() {
			bits := uint64(1) << num
			if o := f.ContainingOneof(); o != nil {
				for i := range o.Fields().Len() {
					bits |= 1 << o.Fields().Get(i).Number()
				}
			}
			if seen&bits != 0 {
				return fmt.Errorf("%s: field %s occurs twice", m.Name(), f.Name())
			}
			seen |= bits
		}
		if typ != wireType(f) && !(f.IsPacked() && typ == protowire.BytesType) {
			return fmt.Errorf("%s: field %s has wire type %d, want %d", m.Name(), f.Name(), typ, wireType(f))
		}
		if f.Kind() != protoreflect.MessageKind {
			if err := checkRange(value, typ, f); err != nil {
				return fmt.Errorf("%s: field %s: %w", m.Name(), f.Name(), err)
			}
			continue
		}
		if *budget--; *budget < 0 {
			return fmt.Errorf("more entries than a file of this size can hold")
		}
		inner, n := protowire.ConsumeBytes(value)
		if n < 0 {
			return fmt.Errorf("%s: field %s: %w", m.Name(), f.Name(), protowire.ParseError(n))
		}
		if err := walkWire(inner, f.Message(), budget); err != nil {
			return err
		}
	}
	return nil
}

// checkRange checks that a varint, or each of a packed list, is a value of f.
func checkRange(value []byte, typ protowire.Type, f protoreflect.FieldDescriptor) error {
	if wireType(f) != protowire.VarintType {
		return nil
	}
	if typ == protowire.BytesType {
		value, _ = protowire.ConsumeBytes(value)
	}
	for len(value) > 0 {
		v, n := protowire.ConsumeVarint(value)
		if n < 0 {
			return protowire.ParseError(n)
		}
		value = value[n:]
		fits := true
		switch f.Kind() {
		case protoreflect.EnumKind, protoreflect.Int32Kind:
			fits = uint64(int64(int32(v))) == v
		case protoreflect.Uint32Kind:
			fits = uint64(uint32(v)) == v
		case protoreflect.BoolKind:
			fits = v <= 1
		}
		if !fits {
			return fmt.Errorf("%#x is no %s", v, f.Kind())
		}
	}
	return nil
}

// wireType is how one value of f is written.
func wireType(f protoreflect.FieldDescriptor) protowire.Type {
	switch f.Kind() {
	case protoreflect.MessageKind, protoreflect.StringKind, protoreflect.BytesKind:
		return protowire.BytesType
	case protoreflect.DoubleKind:
		return protowire.Fixed64Type
	}
	return protowire.VarintType
}
