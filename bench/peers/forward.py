"""Forward passes of Llama, Mistral, Qwen2, GPT-2, GPT-NeoX and Gemma 2, written from the architectures' definitions, as a second opinion
on logits. No cache, no padding, one sequence: as plain as possible.

    python3 forward.py MODEL --ids 1,403,407 [--f64] [--all] [--greedy N]
"""
import argparse
import json
import math

import torch

from checkpoint import compact, read_folder


def rms_norm(x, weight, eps):
    return x / torch.sqrt(x.pow(2).mean(-1, keepdim=True) + eps) * weight


def layer_norm(x, weight, bias, eps):
    centred = x - x.mean(-1, keepdim=True)
    return centred / torch.sqrt(centred.pow(2).mean(-1, keepdim=True) + eps) * weight + bias


def gelu_new(x):
    return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def silu(x):
    return x / (1 + torch.exp(-x))


def rotate(x, theta):
    """Rotary positions on x [heads, T, head_dim]; pair i is (x_i, x_{i + head_dim/2})."""
    length, half = x.shape[-2], x.shape[-1] // 2
    freq = theta ** (-torch.arange(half, dtype=torch.float64) / half)
    angle = torch.arange(length, dtype=torch.float64)[:, None] * freq
    cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
    a, b = x[..., :half], x[..., half:]
    return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)


def soft_cap(x, cap):
    return x if cap is None else cap * torch.tanh(x / cap)


def attend(q, k, v, scalar=None, cap=None, window=None):
    """Causal attention of q [H, T, dh] over k, v [KV, T, dh], divided by sqrt(scalar, or else dh), seeing window positions
    (None: all); returns [T, H * dh]."""
    group = q.shape[0] // k.shape[0]
    k, v = k.repeat_interleave(group, 0), v.repeat_interleave(group, 0)
    length = q.shape[1]
    scores = soft_cap(q @ k.transpose(1, 2) / math.sqrt(scalar or q.shape[2]), cap)
    distance = torch.arange(length)[:, None] - torch.arange(length)
    hidden = (distance < 0) | (distance >= (window or length))
    z = scores.masked_fill(hidden, -math.inf).softmax(-1) @ v
    return z.transpose(0, 1).reshape(length, -1)


def heads(x, count):
    return x.reshape(x.shape[0], count, -1).transpose(0, 1)


def llama(config, w, ids):
    """Llama, Mistral and Qwen2 differ in their biases and defaults only. ids: list; returns logits [T, V]."""
    if config.get("rope_scaling") or (config.get("sliding_window") and config.get("use_sliding_window", True)):
        raise SystemExit("rope scaling and sliding windows are not done here")
    theta, eps = config.get("rope_theta", 10000.0), config["rms_norm_eps"]
    n_heads = config["num_attention_heads"]
    n_kv = config.get("num_key_value_heads") or n_heads

    def linear(x, name):
        y = x @ w[name + ".weight"].T
        return y + w[name + ".bias"] if name + ".bias" in w else y

    x = w["model.embed_tokens.weight"][torch.tensor(ids)]
    for layer in range(config["num_hidden_layers"]):
        at = f"model.layers.{layer}."
        n = rms_norm(x, w[at + "input_layernorm.weight"], eps)
        q = rotate(heads(linear(n, at + "self_attn.q_proj"), n_heads), theta)
        k = rotate(heads(linear(n, at + "self_attn.k_proj"), n_kv), theta)
        v = heads(linear(n, at + "self_attn.v_proj"), n_kv)
        x = x + linear(attend(q, k, v), at + "self_attn.o_proj")
        n = rms_norm(x, w[at + "post_attention_layernorm.weight"], eps)
        x = x + linear(silu(linear(n, at + "mlp.gate_proj")) * linear(n, at + "mlp.up_proj"), at + "mlp.down_proj")
    tied = config.get("tie_word_embeddings", False)
    return rms_norm(x, w["model.norm.weight"], eps) @ w["model.embed_tokens.weight" if tied else "lm_head.weight"].T


def gpt2(config, w, ids):
    """ids: list; returns logits [T, V]. Conv1D weights are stored [in, out]."""
    w = {name.removeprefix("transformer."): t for name, t in w.items()}
    eps = config["layer_norm_epsilon"]

    def conv(x, name):
        return x @ w[name + ".weight"] + w[name + ".bias"]

    def norm(x, name):
        return layer_norm(x, w[name + ".weight"], w[name + ".bias"], eps)

    x = w["wte.weight"][torch.tensor(ids)] + w["wpe.weight"][: len(ids)]
    for layer in range(config["n_layer"]):
        at = f"h.{layer}."
        q, k, v = conv(norm(x, at + "ln_1"), at + "attn.c_attn").chunk(3, -1)
        z = attend(*(heads(part, config["n_head"]) for part in (q, k, v)))
        x = x + conv(z, at + "attn.c_proj")
        x = x + conv(gelu_new(conv(norm(x, at + "ln_2"), at + "mlp.c_fc")), at + "mlp.c_proj")
    return norm(x, "ln_f") @ w["wte.weight"].T


def gpt_neox(config, w, ids):
    """ids: list; returns logits [T, V]. query_key_value holds (head, q|k|v, feature)."""
    w = {name.removeprefix("gpt_neox."): t for name, t in w.items()}
    eps, n_heads = config["layer_norm_eps"], config["num_attention_heads"]
    turned = int(config["hidden_size"] // n_heads * config["rotary_pct"])

    def linear(x, name):
        return x @ w[name + ".weight"].T + w[name + ".bias"]

    def norm(x, name):
        return layer_norm(x, w[name + ".weight"], w[name + ".bias"], eps)

    def rotate_part(x):
        return torch.cat([rotate(x[..., :turned], config["rotary_emb_base"]), x[..., turned:]], -1)

    x = w["embed_in.weight"][torch.tensor(ids)]
    for layer in range(config["num_hidden_layers"]):
        at = f"layers.{layer}."
        joint = linear(norm(x, at + "input_layernorm"), at + "attention.query_key_value")
        q, k, v = joint.reshape(len(ids), n_heads, 3, -1).permute(2, 1, 0, 3)
        attention = linear(attend(rotate_part(q), rotate_part(k), v), at + "attention.dense")
        read = x if config["use_parallel_residual"] else x + attention
        h = linear(norm(read, at + "post_attention_layernorm"), at + "mlp.dense_h_to_4h")
        gelu = 0.5 * h * (1 + torch.erf(h / math.sqrt(2)))
        x = x + attention + linear(gelu, at + "mlp.dense_4h_to_h")
    return norm(x, "final_layer_norm") @ w["embed_out.weight"].T


def gemma2(config, w, ids):
    """ids: list; returns logits [T, V]. Norms scale by 1 + weight; layers 0, 2, ... see a window only."""
    eps, n_heads, n_kv = config["rms_norm_eps"], config["num_attention_heads"], config["num_key_value_heads"]

    def norm(x, name):
        return rms_norm(x, 1 + w[name + ".weight"], eps)

    def linear(x, name):
        return x @ w[name + ".weight"].T

    x = w["model.embed_tokens.weight"][torch.tensor(ids)] * math.sqrt(config["hidden_size"])
    for layer in range(config["num_hidden_layers"]):
        at = f"model.layers.{layer}."
        n = norm(x, at + "input_layernorm")
        q = rotate(heads(linear(n, at + "self_attn.q_proj"), n_heads), config["rope_theta"])
        k = rotate(heads(linear(n, at + "self_attn.k_proj"), n_kv), config["rope_theta"])
        v = heads(linear(n, at + "self_attn.v_proj"), n_kv)
        window = config["sliding_window"] if layer % 2 == 0 else None
        z = attend(q, k, v, config["query_pre_attn_scalar"], config["attn_logit_softcapping"], window)
        x = x + norm(linear(z, at + "self_attn.o_proj"), at + "post_attention_layernorm")
        n = norm(x, at + "pre_feedforward_layernorm")
        h = gelu_new(linear(n, at + "mlp.gate_proj")) * linear(n, at + "mlp.up_proj")
        x = x + norm(linear(h, at + "mlp.down_proj"), at + "post_feedforward_layernorm")
    return soft_cap(norm(x, "model.norm") @ w["model.embed_tokens.weight"].T, config["final_logit_softcapping"])


def logits(folder_or_pair, ids, dtype=torch.float32):
    """Logits [T, V] of a model folder, or of (config, tensors) already read."""
    config, w = folder_or_pair if isinstance(folder_or_pair, tuple) else read_folder(folder_or_pair, dtype)
    runs = {"llama": llama, "mistral": llama, "qwen2": llama, "gpt2": gpt2, "gpt_neox": gpt_neox, "gemma2": gemma2}
    return runs[config["model_type"]](config, w, ids)


def greedy(pair, ids, count):
    """Continues ids by count argmax tokens; returns (ids, smallest gap between the two best logits met)."""
    ids, gap = list(ids), math.inf
    for _ in range(count):
        best = logits(pair, ids)[-1].topk(2)
        gap = min(gap, (best.values[0] - best.values[1]).item())
        ids.append(best.indices[0].item())
    return ids, gap


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("--ids", required=True, help="token ids, separated by commas")
    parser.add_argument("--f64", action="store_true")
    parser.add_argument("--all", action="store_true", help="logits of every position, not of the last alone")
    parser.add_argument("--greedy", type=int, default=0, help="continue by this many tokens instead")
    args = parser.parse_args()
    ids = [int(part) for part in args.ids.split(",")]
    pair = read_folder(args.model, torch.float64 if args.f64 else torch.float32)
    with torch.no_grad():
        if args.greedy:
            out, gap = greedy(pair, ids, args.greedy)
            print(json.dumps({"ids": out, "smallestGap": gap}))
        else:
            y = logits(pair, ids)
            print(json.dumps({"ids": ids, "logits": compact(y if args.all else y[-1])}))


if __name__ == "__main__":
    main()
