package hostile

import (
	"encoding/binary"
	"math"
)

var le = binary.LittleEndian

// Value types of GGUF that the cases use.
const (
	vU8, vU16, vU32, vI32, vF32, vBool, vString, vArray, vU64, vF64 = 0, 2, 4, 5, 6, 7, 8, 9, 10, 12
)

// ggml type numbers that the cases use.
const (
	tF32, tQ4_0, tQ8_0, tQ4_K, tI64, tMXFP4 = 0, 2, 8, 12, 27, 39
)

func u16(n uint16) []byte { return le.AppendUint16(nil, n) }
func u32(n uint32) []byte { return le.AppendUint32(nil, n) }
func u64(n uint64) []byte { return le.AppendUint64(nil, n) }
func f32(x float32) []byte {
	return u32(math.Float32bits(x))
}

func cat(parts ...[]byte) []byte {
	var b []byte
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

// gstr is a GGUF string.
func gstr(s string) []byte { return append(u64(uint64(len(s))), s...) }

// kv is a metadata entry of any type with a given payload.
func kv(key string, typ uint32, payload ...[]byte) []byte {
	return cat(gstr(key), u32(typ), cat(payload...))
}

func kvString(key, s string) []byte     { return kv(key, vString, gstr(s)) }
func kvU32(key string, n uint32) []byte { return kv(key, vU32, u32(n)) }
func kvF32(key string, x float32) []byte {
	return kv(key, vF32, f32(x))
}

// info is one tensor info, dimensions in the order of the file.
func info(name string, typ uint32, off uint64, ne ...uint64) []byte {
	b := cat(gstr(name), u32(uint32(len(ne))))
	for _, n := range ne {
		b = le.AppendUint64(b, n)
	}
	return cat(b, u32(typ), u64(off))
}

// head is magic, version 3 and counts.
func head(nTensors, nKV uint64) []byte {
	return cat([]byte("GGUF"), u32(3), u64(nTensors), u64(nKV))
}

// arch is the entry that every file of these cases has.
var arch = kvString("general.architecture", "llama")

// assemble builds a file from entries, infos and the data section, which starts
// at the next multiple of align.
func assemble(kvs, infos [][]byte, align int, data []byte) []byte {
	b := cat(head(uint64(len(infos)), uint64(len(kvs))), cat(kvs...), cat(infos...))
	for len(b)%align != 0 {
		b = append(b, 0)
	}
	return append(b, data...)
}

// withKV is a file whose only doubtful part is extra metadata.
func withKV(extra ...[]byte) []byte {
	return assemble(append([][]byte{arch}, extra...), nil, 32, nil)
}

// withTensors is a file whose only doubtful part is the tensor list.
func withTensors(dataBytes int, infos ...[]byte) []byte {
	return assemble([][]byte{arch}, infos, 32, make([]byte, dataBytes))
}

func ggufCase(name string, layer Layer, want string, data []byte) Case {
	return Case{Name: "gguf/" + name, Format: GGUF, Layer: layer, Want: want, Write: in("m.gguf", files{"m.gguf": data})}
}
