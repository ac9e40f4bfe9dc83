"""Random checkpoints in Hugging Face layout, with the real key and tensor names of each architecture.

    python3 make_tiny.py FIXTURES                      the six committed ones, with expected.json
    python3 make_tiny.py --llama FOLDER --layers 6 --width 256 --heads 8 --kv 8 --inner 688 --vocab 512 \\
                         --pairs 16 --length 24        one for timing, with random pairs in FOLDER/pairs.jsonl

Between them the committed six cover: f32, f16 in two shards, bf16; tied and untied; grouped heads; a head size that
is not width / heads (Mistral); biases on q, k, v (Qwen2); LayerNorm, learned positions, a stored mask, a byte-level
tokeniser (GPT-2); parallel blocks, rotation of a part of each head, q, k and v fused head by head (GPT-NeoX); norms of what
is written, capped scores and logits, sliding windows (Gemma 2). expected.json is {ids, logits (last position), allLogits
(every position)}, in f64 from the rounded weights; GPT-NeoX's also has {sequential: the last position's logits with
use_parallel_residual false}.
"""
import argparse
import json
import os

import torch

from checkpoint import write_json, write_safetensors
from forward import logits, read_folder


def make_llama(g, config, biases=False):
    """Tensors of a Llama-like config. Queries and keys are scaled up, so that attention is far from uniform."""
    d, inner, vocab = config["hidden_size"], config["intermediate_size"], config["vocab_size"]
    n_heads, n_kv = config["num_attention_heads"], config["num_key_value_heads"]
    size = config.get("head_dim", d // n_heads)

    def normal(*shape, gain=1.0):
        return torch.randn(*shape, generator=g) * gain

    def matrix(out, into, gain=1.0):
        return normal(out, into, gain=gain / into**0.5)

    w = {"model.embed_tokens.weight": normal(vocab, d, gain=0.5)}
    for layer in range(config["num_hidden_layers"]):
        at = f"model.layers.{layer}."
        w[at + "input_layernorm.weight"] = 1 + normal(d, gain=0.2)
        for name, out, gain in (("q", n_heads, 1.7), ("k", n_kv, 1.7), ("v", n_kv, 1.0)):
            w[at + f"self_attn.{name}_proj.weight"] = matrix(out * size, d, gain)
            if biases:
                w[at + f"self_attn.{name}_proj.bias"] = normal(out * size, gain=0.3)
        w[at + "self_attn.o_proj.weight"] = matrix(d, n_heads * size)
        w[at + "post_attention_layernorm.weight"] = 1 + normal(d, gain=0.2)
        w[at + "mlp.gate_proj.weight"] = matrix(inner, d)
        w[at + "mlp.up_proj.weight"] = matrix(inner, d)
        w[at + "mlp.down_proj.weight"] = matrix(d, inner)
    w["model.norm.weight"] = 1 + normal(d, gain=0.2)
    if not config["tie_word_embeddings"]:
        w["lm_head.weight"] = matrix(vocab, d, 2.0)
    return w


def make_gpt2(g, config):
    d, positions = config["n_embd"], config["n_positions"]

    def normal(*shape, gain=1.0):
        return torch.randn(*shape, generator=g) * gain

    w = {"wte.weight": normal(config["vocab_size"], d, gain=0.4), "wpe.weight": normal(positions, d, gain=0.3)}

    def norm(name):
        w[name + ".weight"] = 1 + normal(d, gain=0.2)
        w[name + ".bias"] = normal(d, gain=0.2)

    def conv(name, into, out, gain=1.0):
        w[name + ".weight"] = normal(into, out, gain=gain / into**0.5)
        w[name + ".bias"] = normal(out, gain=0.2)

    for layer in range(config["n_layer"]):
        at = f"h.{layer}."
        norm(at + "ln_1")
        w[at + "attn.bias"] = torch.ones(positions, positions).tril()[None, None]
        conv(at + "attn.c_attn", d, 3 * d, 1.5)
        conv(at + "attn.c_proj", d, d)
        norm(at + "ln_2")
        conv(at + "mlp.c_fc", d, 4 * d)
        conv(at + "mlp.c_proj", 4 * d, d)
    norm("ln_f")
    return w


def make_neox(g, config):
    d, inner, vocab = config["hidden_size"], config["intermediate_size"], config["vocab_size"]
    w = {"gpt_neox.embed_in.weight": torch.randn(vocab, d, generator=g) * 0.5}

    def norm(name):
        w[name + ".weight"] = 1 + torch.randn(d, generator=g) * 0.2
        w[name + ".bias"] = torch.randn(d, generator=g) * 0.2

    def linear(name, out, into, gain=1.0):
        w[name + ".weight"] = torch.randn(out, into, generator=g) * (gain / into**0.5)
        w[name + ".bias"] = torch.randn(out, generator=g) * 0.2

    for layer in range(config["num_hidden_layers"]):
        at = f"gpt_neox.layers.{layer}."
        norm(at + "input_layernorm")
        w[at + "attention.bias"] = torch.ones(8, 8).tril()[None, None]
        w[at + "attention.masked_bias"] = torch.tensor(-1e4)
        w[at + "attention.rotary_emb.inv_freq"] = torch.ones(2)
        linear(at + "attention.query_key_value", 3 * d, d, 1.5)
        linear(at + "attention.dense", d, d)
        norm(at + "post_attention_layernorm")
        linear(at + "mlp.dense_h_to_4h", inner, d)
        linear(at + "mlp.dense_4h_to_h", d, inner)
    norm("gpt_neox.final_layer_norm")
    w["embed_out.weight"] = torch.randn(vocab, d, generator=g) * (2.0 / d**0.5)
    return w


def make_gemma2(g, config):
    """A Llama with more norms, all of them stored less one."""
    w = make_llama(g, config)
    for layer in range(config["num_hidden_layers"]):
        at = f"model.layers.{layer}."
        for name in ("pre_feedforward_layernorm", "post_feedforward_layernorm"):
            w[at + name + ".weight"] = 1 + torch.randn(config["hidden_size"], generator=g) * 0.2
    return {name: t - 1 if "norm" in name else t for name, t in w.items()}


def llama_config(**changes):
    return {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu", "hidden_size": 32,
        "intermediate_size": 80, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 4,
        "vocab_size": 72, "max_position_embeddings": 64, "rms_norm_eps": 1e-05, "rope_theta": 10000.0,
        "rope_scaling": None, "attention_bias": False, "mlp_bias": False, "attention_dropout": 0.0,
        "initializer_range": 0.02, "pretraining_tp": 1, "tie_word_embeddings": False, "bos_token_id": 1,
        "eos_token_id": 2, "torch_dtype": "float32", "use_cache": True, **changes,
    }


def without(config, *keys):
    return {k: v for k, v in config.items() if k not in keys}


LLAMA = llama_config()
MISTRAL = without(
    llama_config(
        architectures=["MistralForCausalLM"], model_type="mistral", num_hidden_layers=3, num_key_value_heads=2,
        head_dim=16, intermediate_size=56, vocab_size=80, rope_theta=1000000.0, sliding_window=None,
        torch_dtype="float16",
    ),
    "attention_bias", "mlp_bias", "rope_scaling", "pretraining_tp",
)
QWEN2 = without(
    llama_config(
        architectures=["Qwen2ForCausalLM"], model_type="qwen2", num_hidden_layers=3, num_key_value_heads=2,
        vocab_size=96, rms_norm_eps=1e-06, rope_theta=1000000.0, tie_word_embeddings=True, sliding_window=64,
        max_window_layers=3, use_sliding_window=False, torch_dtype="bfloat16",
    ),
    "attention_bias", "mlp_bias", "rope_scaling", "pretraining_tp",
)
GPT2 = {
    "activation_function": "gelu_new", "architectures": ["GPT2LMHeadModel"], "attn_pdrop": 0.1, "bos_token_id": 99,
    "embd_pdrop": 0.1, "eos_token_id": 99, "initializer_range": 0.02, "layer_norm_epsilon": 1e-05,
    "model_type": "gpt2", "n_ctx": 32, "n_embd": 32, "n_head": 4, "n_layer": 2, "n_positions": 32,
    "resid_pdrop": 0.1, "vocab_size": 100,
}

NEOX = {
    "architectures": ["GPTNeoXForCausalLM"], "attention_bias": True, "bos_token_id": 0, "eos_token_id": 0,
    "hidden_act": "gelu", "hidden_size": 32, "initializer_range": 0.02, "intermediate_size": 96,
    "layer_norm_eps": 1e-05, "max_position_embeddings": 32, "model_type": "gpt_neox", "num_attention_heads": 4,
    "num_hidden_layers": 3, "rope_scaling": None, "rotary_emb_base": 10000, "rotary_pct": 0.5,
    "tie_word_embeddings": False, "torch_dtype": "float16", "use_cache": True, "use_parallel_residual": True,
    "vocab_size": 72,
}
GEMMA2 = {
    "architectures": ["Gemma2ForCausalLM"], "attention_bias": False, "attn_logit_softcapping": 3.0, "bos_token_id": 2,
    "eos_token_id": 1, "final_logit_softcapping": 5.0, "head_dim": 12, "hidden_act": "gelu_pytorch_tanh",
    "hidden_activation": "gelu_pytorch_tanh", "hidden_size": 32, "intermediate_size": 56,
    "max_position_embeddings": 32, "model_type": "gemma2", "num_attention_heads": 4, "num_hidden_layers": 3,
    "num_key_value_heads": 2, "query_pre_attn_scalar": 10, "rms_norm_eps": 1e-06, "rope_theta": 10000.0,
    "sliding_window": 4, "tie_word_embeddings": True, "torch_dtype": "bfloat16", "use_cache": True, "vocab_size": 80,
}


def byte_level_tokeniser():
    """A GPT-2 tokeniser over the 94 visible ASCII characters and the space, with four merges."""
    tokens = [chr(c) for c in range(33, 127)] + ["\u0120", "\u0120t", "he", "\u0120the", "in", "<|endoftext|>"]
    special = {
        "id": 99, "content": "<|endoftext|>", "single_word": False, "lstrip": False, "rstrip": False,
        "normalized": False, "special": True,
    }
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    model = {
        "type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": "", "end_of_word_suffix": "",
        "fuse_unk": False, "byte_fallback": False, "vocab": {t: i for i, t in enumerate(tokens)},
        "merges": ["\u0120 t", "h e", "\u0120t he", "i n"],
    }
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": [special], "normalizer": None,
        "pre_tokenizer": level, "post_processor": None, "decoder": level, "model": model,
    }


def save(folder, config, tensors, dtype=torch.float32, shards=1):
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "config.json"), "w") as f:
        json.dump(config, f, indent=1)
        f.write("\n")
    tensors = {k: v.to(dtype) for k, v in tensors.items()}
    if shards == 1:
        write_safetensors(os.path.join(folder, "model.safetensors"), tensors)
        return
    names, weight_map = list(tensors), {}
    for i in range(shards):
        part = names[i * len(names) // shards : (i + 1) * len(names) // shards]
        file = f"model-{i + 1:05}-of-{shards:05}.safetensors"
        write_safetensors(os.path.join(folder, file), {name: tensors[name] for name in part})
        weight_map.update({name: file for name in part})
    size = sum(t.numel() * t.element_size() for t in tensors.values())
    with open(os.path.join(folder, "model.safetensors.index.json"), "w") as f:
        json.dump({"metadata": {"total_size": size}, "weight_map": weight_map}, f, indent=1)
        f.write("\n")


def expect(folder, g, vocab):
    ids = torch.randint(vocab, (14,), generator=g).tolist()
    y = logits(folder, ids, torch.float64)
    single = logits(folder, ids, torch.float32)
    expected = {"ids": ids, "logits": y[-1], "allLogits": y}
    config, w = read_folder(folder, torch.float64)
    if config.get("use_parallel_residual"):
        expected["sequential"] = logits(({**config, "use_parallel_residual": False}, w), ids)[-1]
    write_json(os.path.join(folder, "expected.json"), expected)
    print(f"{folder}: logits up to {y.abs().max():.2f}; f32 differs by {(single - y).abs().max():.1e}")


def random_pairs(g, vocab, count, length):
    """Rows of clean and corrupted ids that differ in about a fifth of their tokens."""
    clean, other = (torch.randint(vocab, (count, length), generator=g) for _ in range(2))
    corrupt = torch.where(torch.rand(count, length, generator=g) < 0.2, other, clean)
    answers = torch.randint(vocab, (count, 2), generator=g)
    for c, k, (answer, wrong) in zip(clean.tolist(), corrupt.tolist(), answers.tolist()):
        yield {"clean_ids": c, "corrupt_ids": k, "answer_id": answer, "wrong_id": wrong}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("fixtures", nargs="?")
    parser.add_argument("--llama", metavar="FOLDER")
    for name, value in (("layers", 6), ("width", 256), ("heads", 8), ("kv", 8), ("inner", 688), ("vocab", 512),
                        ("pairs", 16), ("length", 24)):
        parser.add_argument("--" + name, type=int, default=value)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    if args.llama:
        config = llama_config(
            hidden_size=args.width, intermediate_size=args.inner, num_hidden_layers=args.layers, vocab_size=args.vocab,
            num_attention_heads=args.heads, num_key_value_heads=args.kv, max_position_embeddings=512,
        )
        g = torch.Generator().manual_seed(args.seed)
        save(args.llama, config, make_llama(g, config))
        with open(os.path.join(args.llama, "pairs.jsonl"), "w") as f:
            f.writelines(json.dumps(row) + "\n" for row in random_pairs(g, args.vocab, args.pairs, args.length))
    if not args.fixtures:
        return
    tiny = (
        ("llama", LLAMA, lambda g: make_llama(g, LLAMA), torch.float32, 1),
        ("mistral", MISTRAL, lambda g: make_llama(g, MISTRAL), torch.float16, 2),
        ("qwen2", QWEN2, lambda g: make_llama(g, QWEN2, biases=True), torch.bfloat16, 1),
        ("gpt2", GPT2, lambda g: make_gpt2(g, GPT2), torch.float32, 1),
        ("neox", NEOX, lambda g: make_neox(g, NEOX), torch.float16, 1),
        ("gemma2", GEMMA2, lambda g: make_gemma2(g, GEMMA2), torch.bfloat16, 1),
    )
    for name, config, make, dtype, shards in tiny:
        g = torch.Generator().manual_seed(args.seed)
        folder = os.path.join(args.fixtures, "tiny-" + name)
        save(folder, config, make(g), dtype, shards)
        if name == "gpt2":
            with open(os.path.join(folder, "tokenizer.json"), "w") as f:
                json.dump(byte_level_tokeniser(), f, indent=1)
                f.write("\n")
        expect(folder, g, config["vocab_size"])


if __name__ == "__main__":
    main()
