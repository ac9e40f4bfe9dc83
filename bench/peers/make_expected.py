"""Writes the figures that the project's tests are held to, in f64:

    python3 make_expected.py FIXTURES [MODELS]

FIXTURES holds tiny-llama, tiny-gpt2, tiny-qwen2, tiny-neox and tiny-gemma2 (make_tiny.py); MODELS, where given,
holds stories260K. Into FIXTURES/expected:
    NAME-pairs.jsonl       rows of ids
    NAME-attribution.json  {model, edges: count, metric: {clean, corrupt}, steps, scores: {eap, eap-ig-right,
                           eap-ig-left, eap-ig-mid: [["u->v", score], ...] largest |score| first}}; every edge of a tiny
                           model, the 200 largest of stories260K
    NAME-evaluation.json   {model, metric: {clean, corrupt}, sets: [{name, kept or cut: ["u->v", ...], metric,
                           perPair}], exact: [["u->v", change of the metric when it alone is cut], ...]}
    tiny-llama-scores.json EAP-IG (right, 5 steps) as a scores file
    stories260K-forward.json  {prompt, ids, logits (last position), greedy: {ids, text, smallestGap}}
"""
import json
import os
import random
import sys

import torch

from attribution import Task, read_rows, scores_file, self_check
from bpe import Tokeniser
from checkpoint import read_folder, write_json
from forward import greedy, logits
from split_model import SplitModel

METHODS = (
    ("eap", ("eap",)), ("eap-ig-right", ("eap-ig", "right")),
    ("eap-ig-left", ("eap-ig", "left")), ("eap-ig-mid", ("eap-ig", "mid")),
)
TEMPLATES = ("One day, {} went to the park.", "{} was very happy.", "{} saw a big dog.", "{} wanted to play.")


def pronoun_rows(folder):
    """Lily against Tim, both ways round, over templates of four lengths."""
    tokeniser, rows = Tokeniser(folder), []
    for clean, corrupt, answer, wrong in (("Lily", "Tim", " She", " He"), ("Tim", "Lily", " He", " She")):
        for template in TEMPLATES:
            prompt = template.format(clean)
            rows.append({
                "clean_ids": tokeniser.encode(prompt), "corrupt_ids": tokeniser.encode(template.format(corrupt)),
                "answer_id": tokeniser.answer(prompt, answer), "wrong_id": tokeniser.answer(prompt, wrong),
            })
    return rows


def random_rows(vocab, seed):
    """Six rows of lengths 5 to 10; in each, one to three tokens differ; the last row has lists of answers."""
    pick, rows = random.Random(seed), []
    for length in (8, 10, 5, 7, 9, 6):
        clean = [pick.randrange(vocab) for _ in range(length)]
        corrupt = list(clean)
        for at in pick.sample(range(length), pick.randint(1, 3)):
            corrupt[at] = (corrupt[at] + pick.randrange(1, vocab)) % vocab
        answer, wrong = pick.sample(range(vocab), 2)
        rows.append({"clean_ids": clean, "corrupt_ids": corrupt, "answer_id": answer, "wrong_id": wrong})
    picks = pick.sample(range(vocab), 5)
    rows[-1].update(answer_id=picks[:2], wrong_id=picks[2:])
    return rows


def edge_sets(task, scores, sizes, seed):
    """(name, kept or cut, edges): the extremes, the largest edges and what remains without them, random circuits."""
    edges, pick = task.graph.edges, random.Random(seed)
    signed = sorted(edges, key=lambda e: scores[e[0], e[1]].item())
    yield "nothing kept", "kept", []
    yield "nothing cut", "cut", []
    for n in sizes:
        yield f"{n} largest of eap-ig-right", "kept", task.largest(scores, n)
        yield f"{n} most helpful of eap-ig-right", "kept", signed[:n]
        yield f"without the {n} largest of eap-ig-right", "cut", task.largest(scores, n)
        yield f"{n} random", "kept", pick.sample(edges, n)
        yield f"without {n} random", "cut", pick.sample(edges, n)


def check_forward(task, folder, rows):
    """The split model against the plain one, so that the two scripts vouch for each other."""
    pair, total = read_folder(folder, torch.float64), 0.0
    for i, row in enumerate(rows):
        total += (logits(pair, row["clean_ids"], torch.float64)[-1] * task.pairs.weight[i]).sum().item()
    assert abs(total / len(rows) - task.clean) < 1e-10


def write(fixtures, name, folder, rows, top, sizes, exact_count):
    print(name)
    at = os.path.join(fixtures, "expected", name)
    with open(at + "-pairs.jsonl", "w") as f:
        f.writelines(json.dumps(row, separators=(",", ":")) + "\n" for row in rows)
    task = Task(SplitModel(folder), read_rows(at + "-pairs.jsonl"))
    check_forward(task, folder, rows)
    self_check(task, lambda line: print("  " + line))
    graph, metric = task.graph, {"clean": task.clean, "corrupt": task.corrupt}
    all_scores = {label: task.attribute(*how, steps=5) for label, how in METHODS}
    right = all_scores["eap-ig-right"]
    listed = {
        label: [[graph.name(e), scores[e].item()] for e in task.largest(scores, top)]
        for label, scores in all_scores.items()
    }
    write_json(at + "-attribution.json", {
        "model": name, "edges": len(graph.edges), "metric": metric, "steps": 5, "scores": listed,
    })
    sets = []
    for label, key, edges in edge_sets(task, right, sizes, seed=3):
        cut = graph.exists.double() if key == "kept" else torch.zeros(graph.exists.shape, dtype=torch.float64)
        for e in edges:
            cut[e] = 0 if key == "kept" else 1
        values = task.patched(cut[None])[0]
        sets.append({
            "name": label, key: [graph.name(e) for e in edges], "metric": values.mean().item(),
            "perPair": values.tolist(),
        })
        share = (sets[-1]["metric"] - task.corrupt) / (task.clean - task.corrupt)
        print(f"  {label}: {sets[-1]['metric']:.4f} ({share:.4f} of the difference)")
    chosen = task.largest(right, exact_count * 2 // 3)
    others = [e for e in graph.edges if e not in set(chosen)]
    chosen += random.Random(4).sample(others, min(len(others), exact_count - len(chosen)))
    values = task.exact(chosen)
    write_json(at + "-evaluation.json", {
        "model": name, "metric": metric, "sets": sets, "exact": [[graph.name(e), v] for e, v in zip(chosen, values)],
    })
    for label, scores in all_scores.items():
        pearson = torch.corrcoef(torch.tensor([values, [scores[e].item() for e in chosen]]))[0, 1]
        print(f"  {label} against exact patching, Pearson over {len(chosen)} edges: {pearson:.4f}")
    if name == "tiny-llama":
        write_json(at + "-scores.json", scores_file(task, right, "eap-ig"))


def write_forward(fixtures, folder):
    tokeniser, pair = Tokeniser(folder), read_folder(folder, torch.float64)
    prompt = TEMPLATES[0].format("Lily")
    ids = tokeniser.encode(prompt)
    y = logits(pair, ids)[-1]
    print(f"  f32 logits differ by {(logits(read_folder(folder), ids)[-1] - y).abs().max():.1e}")
    text, gap = greedy(pair, [tokeniser.vocab["<s>"]], 80)
    write_json(os.path.join(fixtures, "expected", "stories260K-forward.json"), {
        "prompt": prompt, "ids": ids, "logits": y,
        "greedy": {"ids": text, "text": tokeniser.decode(text), "smallestGap": gap},
    })


def main():
    fixtures = sys.argv[1]
    os.makedirs(os.path.join(fixtures, "expected"), exist_ok=True)
    for name, vocab, seed in (("tiny-llama", 72, 11), ("tiny-gpt2", 99, 12), ("tiny-qwen2", 96, 13),
                              ("tiny-neox", 72, 14), ("tiny-gemma2", 80, 15)):
        folder = os.path.join(fixtures, name)
        write(fixtures, name, folder, random_rows(vocab, seed), top=300, sizes=(10, 40), exact_count=300)
    if len(sys.argv) > 2:
        folder = os.path.join(sys.argv[2], "stories260K")
        write(fixtures, "stories260K", folder, pronoun_rows(folder), top=200, sizes=(10, 20, 100), exact_count=30)
        write_forward(fixtures, folder)


if __name__ == "__main__":
    main()
