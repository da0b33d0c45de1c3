"""Times a network in PyTorch on images in a file: reads sizes of the batch, one a line, and answers seconds for a batch.

The network is JSON: nodes as in package infer/graph. Images and kernels are turned to PyTorch's order once; the network
is traced and frozen, as PyTorch recommends for inference.
"""
import json
import sys
import time
import numpy
import torch
import torch.nn.functional as F

torch.set_num_threads(1)
with open(sys.argv[1]) as file:
    graph = json.load(file)
nodes = graph["Nodes"]


class Network(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.turned = {}  # vectors that were images, by node: what was [height, width, channels] here
        self.kernels = torch.nn.ParameterList()
        self.at = {}
        for i, n in enumerate(nodes):
            if n["Op"] == "Reshape" and len(nodes[n["In"][0]]["Shape"]) == 3 and len(n["Shape"]) == 1:
                self.turned[i] = nodes[n["In"][0]]["Shape"]
            if n["Op"] == "Const":  # a number, or one for each channel
                self.at[i] = len(self.kernels)
                self.kernels.append(torch.nn.Parameter(torch.tensor(n["Values"], dtype=torch.float32).reshape([1, -1, 1, 1] if n["Shape"] else [])))
            if n["Op"] not in ("Conv2D", "Dense"):
                continue
            w = torch.tensor(n["Weights"]["Values"], dtype=torch.float32).reshape(n["Weights"]["Shape"])
            if n["Op"] == "Conv2D":
                w = w.permute(3, 2, 0, 1)
            elif n["In"][0] in self.turned:
                height, width, channels = self.turned[n["In"][0]]
                w = w.reshape(height, width, channels, -1).permute(3, 2, 0, 1).reshape(w.shape[1], -1)
            else:
                w = w.T
            bias = n["Bias"] or [0.0] * w.shape[0]
            self.at[i] = len(self.kernels)
            self.kernels.extend([torch.nn.Parameter(w.contiguous()), torch.nn.Parameter(torch.tensor(bias, dtype=torch.float32))])

    def forward(self, x):
        values = []
        for i, n in enumerate(nodes):
            values.append(self.node(i, n, [values[j] for j in n["In"] or []], x))
        return values[graph["Outputs"][0]]

    def node(self, i, n, ins, x):
        op, y = n["Op"], ins[0] if ins else x
        if op in ("Conv2D", "Dense"):
            w, bias = self.kernels[self.at[i]], self.kernels[self.at[i] + 1]
            if op == "Dense":
                y = F.linear(y, w, bias)
            else:
                y = F.conv2d(padded(y, n["Pads"], 0.0), w, bias, stride=ones(n["Stride"]), dilation=ones(n["Dilation"]), groups=max(1, n["Groups"]))
            op = n["Act"]
        if op == "Relu":
            return F.relu(y)
        if op in ("Input", "None"):
            return y
        if op == "MaxPool":
            return F.max_pool2d(padded(y, n["Pads"], float("-inf")), n["Window"], ones(n["Stride"]))
        if op == "MeanPool" and not any(n["Pads"]):
            return F.avg_pool2d(y, n["Window"], ones(n["Stride"]))
        if op == "ReduceMean" and n["Axes"] == [0, 1] and y.dim() == 4:
            return y.mean((2, 3))
        if op == "Const" and len(n["Shape"] or []) < 2:
            return self.kernels[self.at[i]]
        if op == "Add":
            return ins[0] + ins[1]
        if op == "Mul":
            return ins[0] * ins[1]
        if op == "Broadcast" and y.dim() == 0:
            height, width, channels = n["Shape"]
            return y.expand(x.shape[0], channels, height, width)
        if op == "Slice" and y.dim() == 4:
            rows, columns, channels = (slice(a, a + (size - 1) * b + 1, b) for a, b, size in zip(n["Start"], n["Step"], n["Shape"]))
            return y[:, channels, rows, columns]
        if op == "Concat" and n["Axes"] == [2] and y.dim() == 4:
            return torch.cat(ins, 1)
        if i in self.turned:
            return y.flatten(1)
        raise SystemExit(f"{op} is not written for PyTorch here")


def ones(pair):
    return [max(1, v) for v in pair]


def padded(x, pads, value):
    top, bottom, left, right = pads
    return F.pad(x, (left, right, top, bottom), value=value) if any(pads) else x


shape = nodes[0]["Shape"]
images = torch.from_numpy(numpy.fromfile(sys.argv[2], numpy.float32).reshape([-1] + shape)).permute(0, 3, 1, 2).contiguous()
with torch.inference_mode():
    network = torch.jit.freeze(torch.jit.trace(Network().eval(), images[:1]))
    numpy.asarray(network(images)).tofile(sys.argv[2] + ".out")
    print("ready", flush=True)
    for line in sys.stdin:
        feed, n = images[:int(line)].clone(), 1
        while True:
            start = time.perf_counter()
            for _ in range(n):
                network(feed)
            took = time.perf_counter() - start
            if took > 2e-4:
                break
            n *= 4
        print(took / n, flush=True)
