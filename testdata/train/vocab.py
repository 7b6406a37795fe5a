"""Byte-level BPE vocabulary of the trained model, and the train / held-out split of the text.

The tokenizer.json has the form of Qwen2 and Qwen3: the Qwen2 split pattern, byte-level pieces, no prefix space. Three special tokens
take the last ids. There is no normaliser: the text is ASCII.
"""

from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
VOCAB = 4096
HELD_OUT = 0.05


def split(text: bytes) -> int:
    """Byte offset where the held-out text begins: the first paragraph that starts at or after 95 % of the bytes."""
    at = int(len(text) * (1 - HELD_OUT))
    return text.index(b"\n\n", at) + 2


def train(text: str) -> Tokenizer:
    tok = Tokenizer(models.BPE())
    tok.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PATTERN), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=False, use_regex=False),
        ]
    )
    tok.decoder = decoders.ByteLevel(add_prefix_space=False, trim_offsets=False, use_regex=False)
    tok.post_processor = processors.ByteLevel(add_prefix_space=False, trim_offsets=False, use_regex=False)
    trainer = trainers.BpeTrainer(
        vocab_size=VOCAB - len(SPECIAL),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        special_tokens=[],
        show_progress=False,
    )
    tok.train_from_iterator([text], trainer)
    tok.add_special_tokens([AddedToken(s, special=True, normalized=False) for s in SPECIAL])
    assert tok.get_vocab_size() == VOCAB, tok.get_vocab_size()
    return tok


def with_dropout(tok: Tokenizer, p: float) -> Tokenizer:
    """The same tokenizer that skips each merge with probability p (BPE-dropout, arXiv:1910.13267)."""
    again = Tokenizer.from_str(tok.to_str())
    again.model.dropout = p
    return again


def read(path: str) -> tuple[str, str, int]:
    """Training text, held-out text, byte offset between them."""
    raw = Path(path).read_bytes()
    at = split(raw)
    return raw[:at].decode(), raw[at:].decode(), at
