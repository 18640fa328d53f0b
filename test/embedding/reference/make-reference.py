"""Makes vectors.ndjson: an independent fp32 forward pass of all-MiniLM-L6-v2 in plain numpy.

It shares no code with Freshet's graph, its compiler or onnxruntime: weights come straight from
model.safetensors, token ids from the Python tokenizer, and every step is written out below as the BERT
paper has it (erf GELU, post layer norm), then mean pooling over the real tokens and L2 norm.

    python3 -m venv /tmp/reference && /tmp/reference/bin/pip install numpy safetensors tokenizers
    /tmp/reference/bin/python test/embedding/reference/make-reference.py <model folder>
"""

import json
import math
import sys
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file
from tokenizers import Tokenizer

HEADS, LAYERS, EPSILON, MAX_TOKENS = 12, 6, 1e-12, 256

TEXTS = [
    "What is the capital of France?",
    "Paris is the capital and largest city of France.",
    "A bicycle chain should be cleaned and oiled every few hundred kilometres.",
    "The central bank raised its policy rate by a quarter of a percentage point.",
    "ok",
    "",
    "Naïve café façade: Zürich, São Paulo, Kraków.",
    "東京は日本の首都です。",
    "const total = items.reduce((sum, item) => sum + item.price, 0);",
    "Call +49 30 901820 or write to info@example.org before 17:30 on 2024-02-29.",
    "Photosynthesis converts light energy into chemical energy. Plants, algae and cyanobacteria use it to "
    "make sugars from carbon dioxide and water, and oxygen is released as a by-product. " * 3,
    "The log is the truth, and everything else is a view that can be rebuilt from it. " * 30,
]

erf = np.vectorize(math.erf, otypes=[np.float64])


def layer_norm(x, weights, name):
    mean = x.mean(-1, keepdims=True)
    variance = ((x - mean) ** 2).mean(-1, keepdims=True)
    normal = (x - mean) / np.sqrt(variance + EPSILON)
    return normal * weights[f"{name}.weight"] + weights[f"{name}.bias"]


def linear(x, weights, name):
    return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]


def attention(x, weights, at):
    length, width = x.shape
    size = width // HEADS
    query, key, value = (
        linear(x, weights, f"{at}.attention.self.{part}").reshape(length, HEADS, size).transpose(1, 0, 2)
        for part in ("query", "key", "value")
    )
    scores = query @ key.transpose(0, 2, 1) / math.sqrt(size)
    scores = np.exp(scores - scores.max(-1, keepdims=True))
    scores /= scores.sum(-1, keepdims=True)
    return (scores @ value).transpose(1, 0, 2).reshape(length, width)


def embed(ids, weights):
    x = (
        weights["embeddings.word_embeddings.weight"][ids]
        + weights["embeddings.position_embeddings.weight"][: len(ids)]
        + weights["embeddings.token_type_embeddings.weight"][0]
    )
    x = layer_norm(x, weights, "embeddings.LayerNorm")
    for layer in range(LAYERS):
        at = f"encoder.layer.{layer}"
        attended = linear(attention(x, weights, at), weights, f"{at}.attention.output.dense")
        x = layer_norm(x + attended, weights, f"{at}.attention.output.LayerNorm")
        wide = linear(x, weights, f"{at}.intermediate.dense")
        wide = wide * 0.5 * (1 + erf(wide / math.sqrt(2)))
        x = layer_norm(x + linear(wide, weights, f"{at}.output.dense"), weights, f"{at}.output.LayerNorm")
    pooled = x.mean(0)
    return pooled / np.linalg.norm(pooled)


def main():
    folder = Path(sys.argv[1])
    weights = {
        name: value.astype(np.float64) for name, value in load_file(folder / "model.safetensors").items()
    }
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_TOKENS)
    rows = []
    for text in TEXTS:
        ids = tokenizer.encode(text).ids
        vector = embed(np.array(ids), weights)
        rows.append({"text": text, "ids": ids, "vector": [round(float(v), 5) for v in vector]})
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (Path(__file__).parent / "vectors.ndjson").write_text(lines)


main()
