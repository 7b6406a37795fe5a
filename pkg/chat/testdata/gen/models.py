"""Renders a directory of chat templates of real models with random conversations, for TestModels of pkg/chat/jinja:
    python3 models.py DIR COUNT SEED > FILE; TESSERA_JINJA_MODELS=FILE go test -run TestModels
A line is {"file", "vars", "out" or "err"}. Nothing of it is committed: the templates are not ours."""
import copy
import json
import os
import random
import sys

from env import render

TEXTS = ["Hello", "", "  padded \n", "What's 2+2?", "<think>\nhm\n</think>\n\nYes.", "line\nbreak\r\n\ttab", "é 世界 😀 ﬁ", "<|im_end|><s>[INST]", "{{ x }}{% y %}", "\"quoted\" 'text' \\ back",
         "<tool_call>\n{\"name\": \"f\"}\n</tool_call>", "a<b>&amp;c", "</think>after", "before</think>", "<|channel|>analysis", "1", "null", "x" * 300]
ARGS = [{"city": "Oslo"}, {}, {"n": 3, "f": 1.5, "b": True, "z": None}, {"nested": {"list": [1, "two", {"k": []}]}}, {"text": "line\n\"q\" é"}]
SCHEMA = [{"type": "object", "properties": {"city": {"type": "string", "description": "The city"}, "unit": {"type": "string", "enum": ["c", "f"]}}, "required": ["city"]},
          {"type": "object", "properties": {}}, {"type": "object", "properties": {"n": {"type": "integer", "default": 5}, "list": {"type": "array", "items": {"type": "string"}},
           "o": {"type": "object", "properties": {"deep": {"type": ["number", "null"]}}, "required": ["deep"]}, "u": {"anyOf": [{"type": "string"}, {"type": "null"}]}, "b": {"type": "boolean", "nullable": True}}}]


def text(rng, parts=True):
    r = rng.random()
    if parts and r < 0.1:
        out = [{"type": "text", "text": rng.choice(TEXTS)} for _ in range(rng.randint(0, 2))]
        if rng.random() < 0.3:
            out.append({"type": rng.choice(["image", "image_url", "video", "audio"])})
        return out
    if r < 0.13:
        return None
    return rng.choice(TEXTS)


def call(rng, i):
    args = rng.choice(ARGS)
    return {"id": f"call{i:05d}", "type": "function",
            "function": {"name": rng.choice(["get_weather", "f"]), "arguments": json.dumps(args) if rng.random() < 0.2 else args}}


def conversation(rng):
    msgs, n = [], 0
    if rng.random() < 0.5:
        msgs.append({"role": rng.choice(["system", "system", "developer"]), "content": text(rng)})
    for _ in range(rng.randint(1, 4)):
        msgs.append({"role": "user", "content": text(rng)})
        if rng.random() < 0.7:
            m = {"role": "assistant"}
            if rng.random() < 0.9:
                m["content"] = text(rng)
            if rng.random() < 0.3:
                m[rng.choice(["reasoning_content", "thinking", "reasoning"])] = rng.choice(TEXTS)
            if rng.random() < 0.4:
                m["tool_calls"] = [call(rng, n + k) for k in range(rng.randint(1, 2))]
            msgs.append(m)
            for c in m.get("tool_calls", []):
                t = {"role": "tool", "content": rng.choice([text(rng), {"temp": 12}]) if rng.random() < 0.2 else rng.choice(TEXTS)}
                if rng.random() < 0.8:
                    t["tool_call_id"] = c["id"]
                if rng.random() < 0.8:
                    t["name"] = c["function"]["name"]
                msgs.append(t)
                n += 1
    if rng.random() < 0.05:
        msgs.append({"role": rng.choice(["narrator", "function", "ipython"]), "content": "?"})
    v = {"messages": msgs, "bos_token": "<s>", "eos_token": "</s>", "add_generation_prompt": rng.random() < 0.7}
    r = rng.random()
    if r < 0.4:
        v["tools"] = [{"type": "function", "function": {"name": rng.choice(["get_weather", "f"]), "description": rng.choice(TEXTS), "parameters": rng.choice(SCHEMA)}} for _ in range(rng.randint(0, 2))]
    elif r < 0.7:
        v["tools"] = None
    for key, vals in {"enable_thinking": [True, False], "thinking": [True, False], "reasoning_effort": ["low", "high", "none"], "documents": [None, [{"title": "T", "text": "body"}], []], "date_string": ["1 Jan 2025"],
                      "preserve_thinking": [True], "tools_in_user_message": [False], "functions": ["[]"], "datetime": ["now"], "builtin_tools": [["browser", "python"]], "model_identity": ["I am M."]}.items():
        if rng.random() < 0.2:
            v[key] = rng.choice(vals)
    return v


def main():
    folder, count, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    for name in sorted(os.listdir(folder)):
        if not name.endswith(".jinja"):
            continue
        with open(os.path.join(folder, name), encoding="utf-8", newline="") as f:
            src = f.read()
        rng = random.Random(f"{seed}/{name}")
        for _ in range(count):
            v = conversation(rng)
            out, err = render(src, copy.deepcopy(v))
            print(json.dumps({"file": name, "vars": v, **({"out": out} if err is None else {"err": err})}, ensure_ascii=False))


if __name__ == "__main__":
    main()
