"""Computes golden GSM trajectories with PyTorch: conv.json, convsame.json, nesterov.json, and split.json, memory.json
and both.json for the options that the paper does not have.

Run it in this folder with `python generate.py`. The same versions give the same files."""
import json
import torch
import torch.nn.functional as F

FEATURES, CLASSES, BATCH, STEPS = 12, 4, 8, 30


def dense(name): return {"op": "dense", "name": name}
def conv(name, **kw): return {"op": "conv", "name": name, **kw}


CASES = {
    "nesterov": dict(net=[dense("dense1"), {"op": "relu"}, dense("dense2")], shape=(FEATURES,), compression=8.0, nesterov=True,
                     params={"dense1": (FEATURES, 10), "dense2": (10, CLASSES)}),
    "conv": dict(net=[conv("conv1"), {"op": "relu"}, {"op": "maxpool", "size": 2}, {"op": "flatten"}, dense("dense1")], shape=(8, 8, 2),
                 compression=5.0, nesterov=False, params={"conv1": (3, 3, 2, 6), "dense1": (54, CLASSES)}),
    "convsame": dict(net=[conv("conv1", padding="same"), {"op": "relu"}, conv("conv2", stride=2, padding=1), {"op": "relu"},
                          {"op": "globalavgpool"}, dense("dense1")], shape=(6, 6, 2), compression=3.0, nesterov=True,
                     params={"conv1": (3, 3, 2, 5), "conv2": (3, 3, 5, 6), "dense1": (6, CLASSES)}),
    "split": dict(net=[dense("dense1"), {"op": "relu"}, dense("dense2")], shape=(FEATURES,), compression=5.0, nesterov=True,
                  params={"dense1": (FEATURES, 10), "dense2": (10, CLASSES)}, passive_decay=0.3),
    "memory": dict(net=[conv("conv1"), {"op": "relu"}, {"op": "flatten"}, dense("dense1")], shape=(5, 5, 2), compression=4.0,
                   nesterov=False, params={"conv1": (3, 3, 2, 4), "dense1": (36, CLASSES)}, score_memory=0.9),
    "both": dict(net=[dense("dense1"), {"op": "relu"}, dense("dense2")], shape=(FEATURES,), compression=6.0, nesterov=True,
                 params={"dense1": (FEATURES, 10), "dense2": (10, CLASSES)}, passive_decay=0.2, score_memory=0.7),
}


def forward(net, p, x):
    for op in net:
        kind = op["op"]
        if kind == "dense":
            x = x @ p[op["name"] + "/kernel"] + p[op["name"] + "/bias"]
        elif kind == "conv":
            w = p[op["name"] + "/kernel"].permute(3, 2, 0, 1)
            pad = op.get("padding", 0)
            pad = w.shape[-1] // 2 if pad == "same" else pad
            x = F.conv2d(x.permute(0, 3, 1, 2), w, p[op["name"] + "/bias"], op.get("stride", 1), pad).permute(0, 2, 3, 1)
        elif kind == "relu":
            x = F.relu(x)
        elif kind == "maxpool":
            x = F.max_pool2d(x.permute(0, 3, 1, 2), op["size"]).permute(0, 2, 3, 1)
        elif kind == "globalavgpool":
            x = x.mean((1, 2))
        elif kind == "flatten":
            x = x.flatten(1)
    return x


def digits(t):
    def walk(v): return [walk(e) for e in v] if isinstance(v, list) else float(f"{v:.9g}")
    return walk(t.tolist())


def run(name, case):
    torch.manual_seed(sum(map(ord, name)))
    p, momentum, decay = {}, 0.9, 0.01
    for layer, shape in case["params"].items():
        fan_in = torch.Size(shape[:-1]).numel()
        p[layer + "/kernel"] = torch.randn(shape) / fan_in ** 0.5
        p[layer + "/bias"] = torch.randn(shape[-1]) * 0.1
    for v in p.values():
        v.requires_grad_()
    kernels = [k for k in p if k.endswith("/kernel")]
    passive, memory = case.get("passive_decay", 0), case.get("score_memory", 0)
    n = sum(p[k].numel() for k in kernels)
    q = int(n / case["compression"])
    lr = [0.05 * min(1, s / 5) * (0.1 if s >= 20 else 1) for s in range(STEPS)]
    out = {"case": name, "net": case["net"], "loss": "mean softmax cross entropy", "prunable": n, "q": q,
           "config": {"compression": case["compression"], "momentum": momentum, "nesterov": case["nesterov"], "weight_decay": decay, "lr": lr},
           "init": {k: digits(v.detach()) for k, v in p.items()}, "x": [], "y": [], "steps": []}
    for option, value in (("passive_decay", passive), ("score_memory", memory)):
        if value:
            out["config"][option] = value
    z = {k: torch.zeros_like(v) for k, v in p.items()}
    remembered = {k: torch.zeros_like(p[k]) for k in kernels}
    for s in range(STEPS):
        x, y = torch.randn(BATCH, *case["shape"]), torch.randint(0, CLASSES, (BATCH,))
        out["x"].append(digits(x)); out["y"].append(y.tolist())
        loss = F.cross_entropy(forward(case["net"], p, x), y)
        grads = dict(zip(p, torch.autograd.grad(loss, list(p.values()))))
        with torch.no_grad():
            scores = {k: memory * remembered[k] + (1 - memory) * (p[k] * grads[k]).abs() for k in kernels}
            remembered = scores
            ranked = torch.cat([t.flatten() for t in scores.values()]).sort(descending=True)[0]
            threshold, below = ranked[q - 1].item(), ranked[q].item()
            active = {}
            for k, v in p.items():
                d = grads[k]
                if k in scores:
                    b = scores[k] >= threshold
                    active[k] = int(b.sum())
                    d = d * b + torch.where(b, decay, passive or decay) * v
                z[k] = momentum * z[k] + d
                v -= lr[s] * (d + momentum * z[k] if case["nesterov"] else z[k])
        out["steps"].append({"loss": float(f"{loss.item():.9g}"), "threshold": float(f"{threshold:.9g}"),
                             "margin": (threshold - below) / threshold if threshold else None, "active": active,
                             "l1": {k: float(f"{v.abs().sum().item():.9g}") for k, v in p.items()}})
    out["final"] = {k: digits(v.detach()) for k, v in p.items()}
    magnitudes = torch.cat([p[k].detach().abs().flatten() for k in kernels])
    cut = magnitudes.topk(q)[0][-1].item()
    out["final_prune"] = {"threshold": float(f"{cut:.9g}"), "kept": {k: int((p[k].abs() >= cut).sum()) for k in kernels}}
    with open(name + ".json", "w") as f:
        json.dump(out, f)


for name, case in CASES.items():
    run(name, case)
