"""A small byte-pair tokeniser that reads a Llama-style tokenizer.json (Prepend and Replace normalisers, merges, byte
fallback), to make id rows without the library that the project itself uses.

    python3 bpe.py MODEL "One day, Lily went to the park."
"""
import json
import os
import sys


class Tokeniser:
    def __init__(self, folder):
        with open(os.path.join(folder, "tokenizer.json")) as f:
            spec = json.load(f)
        self.vocab = spec["model"]["vocab"]
        self.text_of = {i: t for t, i in self.vocab.items()}
        pairs = [m.split(" ") if isinstance(m, str) else m for m in spec["model"]["merges"]]
        self.rank = {tuple(pair): i for i, pair in enumerate(pairs)}
        self.normalizers = spec["normalizer"]["normalizers"]

    def encode(self, text):
        """Ids with <s> first."""
        for step in self.normalizers:
            if step["type"] == "Prepend":
                text = step["prepend"] + text
            elif step["type"] == "Replace":
                text = text.replace(step["pattern"]["String"], step["content"])
            else:
                raise SystemExit(f"normaliser {step['type']} is not done here")
        parts = list(text)
        while True:
            ranked = [(self.rank.get((a, b)), i) for i, (a, b) in enumerate(zip(parts, parts[1:]))]
            ranked = [r for r in ranked if r[0] is not None]
            if not ranked:
                break
            i = min(ranked)[1]
            parts[i : i + 2] = [parts[i] + parts[i + 1]]
        ids = [self.vocab["<s>"]]
        for part in parts:
            if part in self.vocab:
                ids.append(self.vocab[part])
            else:
                ids.extend(self.vocab[f"<0x{byte:02X}>"] for byte in part.encode())
        return ids

    def decode(self, ids):
        raw = b""
        for i in ids:
            t = self.text_of[i]
            if t.startswith("<0x") and t.endswith(">"):
                raw += bytes([int(t[3:-1], 16)])
            elif t not in ("<s>", "</s>", "<unk>"):
                raw += t.replace("\u2581", " ").encode()
        return raw.decode(errors="replace")

    def answer(self, prompt, answer):
        """The one token by which prompt + answer extends prompt, or None."""
        short, long = self.encode(prompt), self.encode(prompt + answer)
        return long[-1] if long[:-1] == short else None


if __name__ == "__main__":
    print(json.dumps(Tokeniser(sys.argv[1]).encode(sys.argv[2])))
