"""Writes testdata/chat-ids.json: what apply_chat_template of transformers makes of conversations.

Usage: python chat_ids.py (with transformers and jinja2; reads the committed checkpoint and ../chatml.jinja)
"""
import json
import pathlib
import random

from transformers import PreTrainedTokenizerFast

here = pathlib.Path(__file__).resolve().parent
model = here.parents[3] / "testdata" / "models" / "war-and-peace"
# The file itself: the class Qwen2Tokenizer would put NFC in front of a tokenizer.json that has none.
tok = PreTrainedTokenizerFast(tokenizer_file=str(model / "tokenizer.json"))
tok.chat_template = (here.parent / "chatml.jinja").read_text()

words = ["Hello", " world", "\n\n", "  ", "Prince Andrew", "тише", "日本語", "👩‍👩‍👧", "e\u0301", "3.14", "\t", "?!", "<|im", "<", "|>", "don't", "é", "\u00a0", "...", "Moscow,"]
rng = random.Random(8)
text = lambda: "".join(rng.choice(words) for _ in range(rng.randint(1, 9)))
cases = []
for i in range(50):
    messages = [{"role": "system", "content": text()}] if i % 3 == 0 else []
    for turn in range(rng.randint(0, 3)):
        messages += [{"role": "user", "content": text()}, {"role": "assistant", "content": text()}]
    messages.append({"role": "user", "content": text()})
    out = tok.apply_chat_template(messages, add_generation_prompt=True, tokenize=True, return_dict=False)
    cases.append({"messages": messages, "ids": list(out)})
lines = ",\n".join(json.dumps(c, ensure_ascii=True) for c in cases)
(here.parent / "chat-ids.json").write_text("[\n" + lines + "\n]\n")
print(len(cases), "conversations")
