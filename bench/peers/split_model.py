"""A transformer whose readers each have their own copy of the residual stream: the edge graph of circuit discovery,
vectorised over pairs, heads and edges. Llama, Mistral, Qwen2, GPT-2, GPT-NeoX and Gemma 2.

Sources `input`, `a{l}.h{h}` (the head's result, without the output bias; under a norm of what attention writes, its
share of the normed sum), `m{l}` (with its bias, after its norm). Destinations
`a{l}.h{h}<q|k|v>`, `m{l}`, `logits`. Grouped key-value heads count once per query head.
N is pairs (or pairs times masks, or pairs times integration steps), T positions, D width, W sources, R destinations.
"""
import math

import torch
import torch.nn.functional as F

from checkpoint import read_folder


class Graph:
    """Names of sources and destinations, and exists[W, R]. Sources come in the order in which they write;
    destinations in the order in which they read, a layer's heads grouped by letter: all q, all k, all v, then m."""

    def __init__(self, layers, heads, mlp=True, parallel=False):
        self.sources, self.destinations, seen = ["input"], [], []
        for layer in range(layers):
            for letter in "qkv":
                self.destinations += [f"a{layer}.h{h}<{letter}>" for h in range(heads)]
                seen += [len(self.sources)] * heads
            before = len(self.sources)
            self.sources += [f"a{layer}.h{h}" for h in range(heads)]
            if mlp:
                self.destinations.append(f"m{layer}")
                seen.append(before if parallel else len(self.sources))
                self.sources.append(f"m{layer}")
        self.destinations.append("logits")
        seen.append(len(self.sources))
        self.exists = torch.arange(len(self.sources))[:, None] < torch.tensor(seen)[None, :]
        self.edges = [(w, r) for w in range(len(self.sources)) for r in range(len(seen)) if self.exists[w, r]]

    def name(self, edge):
        return f"{self.sources[edge[0]]}->{self.destinations[edge[1]]}"

    def edge(self, name):
        source, destination = name.split("->")
        return self.sources.index(source), self.destinations.index(destination)


def rms(weight, eps):
    return lambda x: x * torch.rsqrt(x.square().mean(-1, keepdim=True) + eps) * weight


def layer(weight, bias, eps):
    return lambda x: F.layer_norm(x, weight.shape, weight, bias, eps)


def gelu_tanh(x):
    return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def soft_cap(x, cap):
    return x if cap is None else cap * torch.tanh(x / cap)


class SplitModel:
    def __init__(self, folder, dtype=torch.float64):
        config, w = read_folder(folder, dtype)
        self.dtype = dtype
        self.parallel, self.turned, self.scalar, self.cap, self.logit_cap = False, None, None, None, None
        readers = {"gpt2": self.read_gpt2, "gpt_neox": self.read_neox, "gemma2": self.read_gemma2}
        readers.get(config["model_type"], self.read_llama)(config, w)
        self.graph = Graph(len(self.blocks), self.heads, parallel=self.parallel)

    def read_llama(self, c, w):
        self.heads, width = c["num_attention_heads"], c["hidden_size"]
        group = self.heads // (c.get("num_key_value_heads") or self.heads)
        size = c.get("head_dim") or width // self.heads
        self.theta, eps, self.positions = c.get("rope_theta", 10000.0), c["rms_norm_eps"], None
        self.embedding = w["model.embed_tokens.weight"]
        self.blocks = []
        for i in range(c["num_hidden_layers"]):
            at = f"model.layers.{i}."

            def project(name, times, at=at):
                m = w[f"{at}self_attn.{name}_proj.weight"].reshape(-1, size, width).repeat_interleave(times, 0)
                b = w.get(f"{at}self_attn.{name}_proj.bias")
                return m, None if b is None else b.reshape(-1, size).repeat_interleave(times, 0)

            def mlp(n, gate=w[at + "mlp.gate_proj.weight"], up=w[at + "mlp.up_proj.weight"],
                    down=w[at + "mlp.down_proj.weight"]):
                return F.linear(F.silu(F.linear(n, gate)) * F.linear(n, up), down)

            out = w[at + "self_attn.o_proj.weight"].reshape(width, self.heads, size).permute(1, 0, 2).contiguous()
            self.blocks.append({
                "norm1": rms(w[at + "input_layernorm.weight"], eps),
                "gain1": w[at + "input_layernorm.weight"], "eps": eps,
                "norm2": rms(w[at + "post_attention_layernorm.weight"], eps),
                "qkv": (project("q", 1), project("k", group), project("v", group)),
                "out": out, "out_bias": w.get(at + "self_attn.o_proj.bias"), "mlp": mlp,
            })
        self.final = rms(w["model.norm.weight"], eps)
        self.unembed = self.embedding if c.get("tie_word_embeddings") else w["lm_head.weight"]

    def read_gpt2(self, c, w):
        w = {name.removeprefix("transformer."): t for name, t in w.items()}
        self.heads, width, eps = c["n_head"], c["n_embd"], c["layer_norm_epsilon"]
        size = width // self.heads
        self.theta, self.embedding, self.positions = None, w["wte.weight"], w["wpe.weight"]
        self.blocks = []
        for i in range(c["n_layer"]):
            at = f"h.{i}."
            joint = w[at + "attn.c_attn.weight"].T.reshape(3, self.heads, size, width)
            bias = w[at + "attn.c_attn.bias"].reshape(3, self.heads, size)

            def mlp(n, a=w[at + "mlp.c_fc.weight"].T.contiguous(), b=w[at + "mlp.c_fc.bias"],
                    c=w[at + "mlp.c_proj.weight"].T.contiguous(), d=w[at + "mlp.c_proj.bias"]):
                return F.linear(gelu_tanh(F.linear(n, a, b)), c, d)

            out = w[at + "attn.c_proj.weight"].reshape(self.heads, size, width).transpose(1, 2).contiguous()
            self.blocks.append({
                "norm1": layer(w[at + "ln_1.weight"], w[at + "ln_1.bias"], eps),
                "norm2": layer(w[at + "ln_2.weight"], w[at + "ln_2.bias"], eps),
                "qkv": tuple((joint[j], bias[j]) for j in range(3)),
                "out": out, "out_bias": w[at + "attn.c_proj.bias"], "mlp": mlp,
            })
        self.final = layer(w["ln_f.weight"], w["ln_f.bias"], eps)
        self.unembed = self.embedding

    def read_neox(self, c, w):
        w = {name.removeprefix("gpt_neox."): t for name, t in w.items()}
        self.heads, width, eps = c["num_attention_heads"], c["hidden_size"], c["layer_norm_eps"]
        size = width // self.heads
        self.parallel, self.turned = c["use_parallel_residual"], int(size * c["rotary_pct"])
        self.theta, self.embedding, self.positions = c["rotary_emb_base"], w["embed_in.weight"], None
        self.blocks = []
        for i in range(c["num_hidden_layers"]):
            at = f"layers.{i}."
            joint = w[at + "attention.query_key_value.weight"].reshape(self.heads, 3, size, width)
            bias = w[at + "attention.query_key_value.bias"].reshape(self.heads, 3, size)

            def mlp(n, a=w[at + "mlp.dense_h_to_4h.weight"], b=w[at + "mlp.dense_h_to_4h.bias"],
                    c=w[at + "mlp.dense_4h_to_h.weight"], d=w[at + "mlp.dense_4h_to_h.bias"]):
                return F.linear(F.gelu(F.linear(n, a, b)), c, d)

            def norm(name, at=at):
                return layer(w[at + name + ".weight"], w[at + name + ".bias"], eps)

            out = w[at + "attention.dense.weight"].reshape(width, self.heads, size).permute(1, 0, 2).contiguous()
            self.blocks.append({
                "norm1": norm("input_layernorm"), "norm2": norm("post_attention_layernorm"),
                "qkv": tuple((joint[:, j], bias[:, j]) for j in range(3)),
                "out": out, "out_bias": w[at + "attention.dense.bias"], "mlp": mlp,
            })
        self.final = layer(w["final_layer_norm.weight"], w["final_layer_norm.bias"], eps)
        self.unembed = w["embed_out.weight"]

    def read_gemma2(self, c, w):
        w = {name: t + 1 if "norm" in name else t for name, t in w.items()}
        self.read_llama(c, w)
        self.embedding = self.embedding * math.sqrt(c["hidden_size"])
        self.scalar, self.cap = c["query_pre_attn_scalar"], c["attn_logit_softcapping"]
        self.logit_cap, eps = c["final_logit_softcapping"], c["rms_norm_eps"]
        for i, block in enumerate(self.blocks):
            at = f"model.layers.{i}."

            def mlp(n, gate=w[at + "mlp.gate_proj.weight"], up=w[at + "mlp.up_proj.weight"],
                    down=w[at + "mlp.down_proj.weight"], norm=rms(w[at + "post_feedforward_layernorm.weight"], eps)):
                return norm(F.linear(gelu_tanh(F.linear(n, gate)) * F.linear(n, up), down))

            def share(y, gain=w[at + "post_attention_layernorm.weight"]):
                scale = torch.rsqrt(y.sum(2, keepdim=True).square().mean(-1, keepdim=True) + eps)
                return y * scale * gain

            block.update(norm2=rms(w[at + "pre_feedforward_layernorm.weight"], eps), mlp=mlp, share=share)
            if i % 2 == 0:
                block["window"] = c["sliding_window"]

    def embed(self, ids):
        """ids [N, T] -> what `input` writes, [N, T, D]."""
        x = self.embedding[ids]
        return x if self.positions is None else x + self.positions[: ids.shape[1]]

    def rotate(self, x):
        if self.theta is None:
            return x
        if self.turned is not None and self.turned < x.shape[-1]:
            return torch.cat([self.rotate(x[..., : self.turned]), x[..., self.turned :]], -1)
        half = x.shape[-1] // 2
        freq = self.theta ** (-torch.arange(half, dtype=torch.float64) / half)
        angle = torch.arange(x.shape[2], dtype=torch.float64)[:, None] * freq
        cos, sin = angle.cos().to(self.dtype), angle.sin().to(self.dtype)
        a, b = x[..., :half], x[..., half:]
        return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)

    def run(self, x, last, read=None, write=None):
        """Logits [N, V] at position last[n] of each sequence, from embeddings x [N, T, D].
        read(r, count, x) returns what destinations r .. r+count-1 read, [N, T, count, D]; write(y) sees what the next
        sources wrote, [N, T, count, D]."""
        read = read or (lambda r, count, x: x[:, :, None].expand(-1, -1, count, -1))
        write = write or (lambda y: None)
        n, length, _ = x.shape
        distance = torch.arange(length)[:, None] - torch.arange(length)
        write(x[:, :, None])
        r = 0
        for block in self.blocks:
            parts = []
            for weight, bias in block["qkv"]:
                part = torch.einsum("nthd,hkd->nhtk", block["norm1"](read(r, self.heads, x)), weight)
                parts.append(part if bias is None else part + bias[None, :, None])
                r += self.heads
            q, k, v = self.rotate(parts[0]), self.rotate(parts[1]), parts[2]
            scores = soft_cap(q @ k.transpose(2, 3) / math.sqrt(self.scalar or q.shape[3]), self.cap)
            scores = scores.masked_fill((distance < 0) | (distance >= block.get("window", length)), -math.inf)
            y = torch.einsum("nhtk,hdk->nthd", scores.softmax(-1) @ v, block["out"])
            if "share" in block:
                y = block["share"](y)
            write(y)
            entrance = x
            x = x + y.sum(2)
            if block["out_bias"] is not None:
                x = x + block["out_bias"]
            y = block["mlp"](block["norm2"](read(r, 1, entrance if self.parallel else x)[:, :, 0]))
            r += 1
            write(y[:, :, None])
            x = x + y
        x = read(r, 1, x)[torch.arange(n), last, 0]
        return soft_cap(F.linear(self.final(x), self.unembed), self.logit_cap)
