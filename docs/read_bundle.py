"""Reads a Tessera bundle as docs/format.md and docs/tokenizer.md say: read_bundle.py BUNDLE prints segments and graphs,
BUNDLE weights the weights with the SHA-256 of their values as f32, BUNDLE text ID... the text of tokens."""
import hashlib, json, os, re, struct, sys
# Messages of graph.proto, fields 1, 2, ... of each: u and s are varints, unsigned and zigzag, d is double, t text.
SCHEMA = {"Segment": "version:u name:t kind:t graph:Graph", "Part": "stored:t lo:u hi:u", "Ints": "v:s",
          "Graph": "values:Value inputs:u outputs:u states:State weights:Weight nodes:Node",
          "Value": "name:t elem:u shape:s scheme:t layout:u mark:t mark_at:u", "Weight": "name:t parts:Part form:t",
          "State": "name:t kind:t heads:u k_dim:u v_dim:u v_of_k:u window:u base:u row:u",
          "Node": "op:t in:u weights:t states:t out:u attrs:Attr", "Attr": "key:t i:s f:d s:t l:Ints"}
# Of a quantised type: bytes of a block, low bits, high bits, stored value of 0, whether there is a min.
TYPES = {"q8_0": (34, 8, 0, 128, 0), "q4_0": (18, 4, 0, 8, 0), "q4_1": (20, 4, 0, 0, 1), "q5_0": (22, 4, 1, 16, 0),
         "q5_1": (24, 4, 1, 0, 1), "iq4_nl": (18, 4, 0, 0, 0), "q4_k": (144, 4, 0, 0, 1), "q5_k": (176, 4, 1, 0, 1),
         "q6_k": (210, 4, 2, 32, 0)}
TABLES = {"iq4_nl": (-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113)}
FLOATS = {"f32": 4, "f16": 2, "bf16": 2}  # bytes
half = lambda b, at: struct.unpack_from("<e", b, at)[0]
def varint(b, at):
    n = next(n for n in range(1, 11) if b[at + n - 1] < 128)
    return sum((b[at + i] & 127) << 7 * i for i in range(n)), at + n
def parse(b, message):  # every field as a list
    fields, at = [f.split(":") for f in SCHEMA[message].split()], 0
    out = {name: [] for name, _ in fields}
    while at < len(b):
        tag, at = varint(b, at)
        name, kind = fields[(tag >> 3) - 1]
        size, at = varint(b, at) if tag & 7 == 2 else (8 if tag & 7 == 1 else varint(b, at)[1] - at, at)
        v, at = b[at:at + size], at + size
        while kind in "us" and v:
            x, n = varint(v, 0)
            v = v[n:]
            out[name].append(x >> 1 ^ -(x & 1) if kind == "s" else x)
        if kind not in "us":
            out[name] += [v.decode()] if kind == "t" else struct.unpack("<d", v) if kind == "d" else [parse(v, kind)]
    return out
def number(t, b, c, r, p16):  # channel c of a block of GGUF, or of row r of a record
    if t in FLOATS:
        at = {"f32": 4 * r, "f16": 32 * c + 2 * r, "bf16": 4 * r + 2 * c}[t] if p16 else 0
        return half(b, at) if t == "f16" else struct.unpack("<f", (bytes(2 * (t == "bf16")) + b[at:at + 4])[:4])[0]
    _, low, high, zero, has_min = TYPES[t]
    j, k, six, q = c // 32, "_k" in t, t == "q6_k", 0
    if p16:
        at, g = 320 if k else 64 + 64 * has_min, c // 4
        for bits, shift in ((low, 0), (high, 4))[:1 + min(high, 1)]:
            q |= (b[at + g * bits // 8 * 64 + 4 * r + c % 4] >> g * bits % 8 & (1 << bits) - 1) << shift
            at += (512 if k else 128) * bits
        d, m = (2 * r, 32 + 2 * r) if k else (32 * j + 2 * r, 64 + 32 * j + 2 * r)
        sc, mn = k and b[64 + (c // 16 if six else j) * 16 + r], k and not six and b[192 + j // 2 * 32 + 2 * r + j % 2]
    else:
        d, m, sc, mn = 208 * six, 2, six and b[192 + c // 16], 0
        run, at = (64, 0) if six else (32, len(b) - 128) if k else (16, len(b) - 16)  # of nibbles
        q = b[2 + c] ^ 128 if low == 8 else b[at + c // (2 * run) * run + c % run] >> c // run % 2 * 4 & 15
        if high: q |= (b[128 + c // 128 * 32 + c % 32] >> j % 4 * 2 & 3 if six else b[16 + c % 32] >> j & 1 if k else
                  b[at - 4 + c // 8] >> c % 8 & 1) << 4
        if k and not six:
            sc = b[4 + j] & 63 if j < 4 else b[8 + j] & 15 | b[j] >> 6 << 4
            mn = b[8 + j] & 63 if j < 4 else b[8 + j] >> 4 | b[4 + j] >> 6 << 4
    scale = half(b, d) * (sc - (sc >> 7 << 8) if six else sc if k else 1)
    return (scale * (TABLES[t][q] if t in TABLES else q - zero) or 0.0) + (has_min and half(b, m) * (-mn if k else 1))
def row(w, data, i):  # row i of a weight of the index, as numbers
    t, p16, k, r, m = w["type"], w["form"] == "p16", w["shape"][-1], 0, 0
    if t in FLOATS: n, size = (4 // FLOATS[t], 64) if p16 else (1, FLOATS[t])
    else:  # channels and bytes of a block or a record
        n, size = 256 if "_k" in t else 64 if p16 else 32, TYPES[t][0]
        size = size if not p16 else (320 if "_k" in t else 64 + 64 * TYPES[t][4]) + 2 * n * sum(TYPES[t][1:3])
    while p16 and i >= w["rows"][m]:  # every member starts a panel of 16 rows
        r, i, m = r + -(-w["rows"][m] // 16), i - w["rows"][m], m + 1
    at, r = (r + i // 16 if p16 else i) * -(-k // n) * size, i % 16
    return [number(t, data[at + c // n * size:at + (c // n + 1) * size], c % n, r, p16) for c in range(k)]
def text(b, ids):  # of tokens, as the compiled tokenizer b spells them
    size, n = struct.unpack_from("<2I", b, 12)
    spec, at = json.loads(b[32:32 + size]), 32 + size
    d, ends = spec["Decode"], (0, *struct.unpack_from(f"<{n}I", b, at + n))
    assert {*d} <= {"ByteLevel", "Replace", "ByteFallback", "StripChar", "StripStart"}, "steps that this reader lacks"
    assert "Norm" not in spec or "Normalized" not in str(spec), "steps that this reader lacks"
    pieces = [b[at + 5 * n:][ends[i]:ends[i + 1]].decode() for i in ids if b[at + i] % 128]
    if "ByteLevel" in d:
        other = [x for x in range(256) if x < 33 or 126 < x < 161 or x == 173]
        spelt = {chr(256 + other.index(x) if x in other else x): x for x in range(256)}
        pieces = [bytes(map(spelt.get, p)) if set(p) <= set(spelt) else p.encode() for p in pieces]
        return b"".join(pieces).decode(errors="replace")
    for x in d.get("Replace", []):
        pieces = [p.replace(x["From"], x["To"]) for p in pieces]
    byte = "^<0x(..)>$" if "ByteFallback" in d else "(?!)"
    pieces = [re.sub(byte, lambda m: chr(0xdc00 + int(m[1], 16)), p) for p in pieces]
    whole = lambda x: x.decode() if x.decode(errors="ignore").encode() == x else "\ufffd" * len(x)
    out = re.sub("[\udc00-\udcff]+", lambda m: whole(bytes(ord(c) & 255 for c in m[0])), "".join(pieces))
    return out[min(d.get("StripStart", 0), len(out) - len(out.lstrip(d.get("StripChar", " ")))):]
path, command = sys.argv[1], (sys.argv[2:] or ["segments"])[0]
read = lambda name: open(os.path.join(path, os.path.basename(name)), "rb").read()
m = json.loads(read("manifest.json"))
assert m["format"] == "tessera-bundle" and m["version"] == 0 and {*m["features"]} <= {"p16", "s256e32"}, "another one"
for f in m["files"]:
    assert hashlib.sha256(read(f["name"])).hexdigest() == f["sha256"], f["name"] + " is not what was written"
for s in m["graphs"][0]["segments"] if command == "segments" else []:
    print(json.dumps({**s, **parse(read(s["file"]), "Segment")}))
for w in m["weights"] if command == "weights" else []:
    data, n = read(w["file"])[w["offset"]:][:w["bytes"]], w["shape"][-1]
    rows = [struct.pack(f"<{n}f", *row(w, data, i)) for i in range(sum(w["rows"]) if len(w["shape"]) > 1 else 1)]
    print(w["file"], w["name"], w["type"], w["form"], hashlib.sha256(b"".join(rows)).hexdigest())
if command == "text": print(json.dumps(text(read("tokenizer.bin"), map(int, sys.argv[3:]))))
