"""Trains a network in PyTorch on random images: reads sgd or gsm, one a line, and answers the seconds of one such step.

Arguments: model, compression, images in a batch, threads. Each optimizer trains its own copy. It says "ready" and how
many weights can be pruned, which must be as many as in the network that it is compared with.
"""
import sys
import time
import torch
from torch import nn
import torch.nn.functional as F


def norm_relu(channels):
    return [nn.BatchNorm2d(channels), nn.ReLU()]


def convolution(channels, filters, size, stride=1):
    return nn.Conv2d(channels, filters, size, stride, size // 2, bias=False)


def project(channels, filters, stride):
    return nn.Sequential(convolution(channels, filters, 1, stride), nn.BatchNorm2d(filters))


class Subsample(nn.Module):
    def __init__(self, channels, filters, stride):
        super().__init__()
        self.stride, self.border = stride, (filters - channels) // 2

    def forward(self, x):
        return F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, self.border, self.border))


class Residual(nn.Module):
    """Layers beside a shortcut."""

    def __init__(self, layers, short):
        super().__init__()
        self.layers, self.short = nn.Sequential(*layers), short

    def forward(self, x):
        return F.relu(self.layers(x) + self.short(x))


class Dense(nn.Module):
    """A layer whose outputs are added to its inputs as further channels."""

    def __init__(self, channels, filters):
        super().__init__()
        self.layers = nn.Sequential(*norm_relu(channels), convolution(channels, filters, 3))

    def forward(self, x):
        return torch.cat([x, self.layers(x)], 1)


def mean_and_dense(channels, classes):
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes)]


def perceptron(*widths):
    layers = [nn.Flatten()]
    for i in range(len(widths) - 1):
        layers += [nn.Linear(widths[i], widths[i + 1]), nn.ReLU()]
    return layers[:-1]


def lenet5():
    return [nn.Conv2d(1, 20, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(20, 50, 5), nn.ReLU(), nn.MaxPool2d(2), *perceptron(800, 500, 10)]


def resnet56(short):
    layers, channels = [convolution(3, 16, 3), *norm_relu(16)], 16
    for filters in (16, 32, 64):
        for i in range(9):
            stride = 2 if filters > 16 and i == 0 else 1
            branch = [convolution(channels, filters, 3, stride), *norm_relu(filters), convolution(filters, filters, 3), nn.BatchNorm2d(filters)]
            layers.append(Residual(branch, short(channels, filters, stride) if channels != filters else nn.Identity()))
            channels = filters
    return layers + mean_and_dense(64, 10)


def densenet40():
    layers, channels = [convolution(3, 16, 3)], 16
    for block in range(3):
        for _ in range(12):
            layers.append(Dense(channels, 12))
            channels += 12
        if block < 2:
            layers += [*norm_relu(channels), convolution(channels, channels, 1), nn.AvgPool2d(2)]
    return layers + norm_relu(channels) + mean_and_dense(channels, 10)


def resnet50():
    layers, channels = [convolution(3, 64, 7, 2), *norm_relu(64), nn.MaxPool2d(3, 2, 1)], 64
    for stage, blocks in enumerate((3, 4, 6, 3)):
        filters = 64 << stage
        for i in range(blocks):
            stride = 2 if stage > 0 and i == 0 else 1
            branch = [convolution(channels, filters, 1), *norm_relu(filters), convolution(filters, filters, 3, stride), *norm_relu(filters),
                      convolution(filters, 4 * filters, 1), nn.BatchNorm2d(4 * filters)]
            layers.append(Residual(branch, project(channels, 4 * filters, stride) if i == 0 else nn.Identity()))
            channels = 4 * filters
    return layers + mean_and_dense(channels, 1000)


# layers, shape of an image, classes
networks = {
    "lenet-300-100": (lambda: perceptron(784, 300, 100, 10), (1, 28, 28), 10),
    "lenet-5": (lenet5, (1, 28, 28), 10),
    "mlp-digits": (lambda: perceptron(64, 100, 50, 10), (1, 8, 8), 10),
    "resnet-56": (lambda: resnet56(Subsample), (3, 32, 32), 10),
    "resnet-56-projection": (lambda: resnet56(project), (3, 32, 32), 10),
    "densenet-40": (densenet40, (3, 32, 32), 10),
    "resnet-50": (resnet50, (3, 224, 224), 1000),
}


class Training:
    def __init__(self, layers, keep):
        """keep is the share of weights that a step of GSM leaves active; None is plain SGD."""
        self.network = nn.Sequential(*layers)
        self.weights = [p for p in self.network.parameters() if p.dim() in (2, 4)]
        self.count = sum(p.numel() for p in self.weights)
        self.keep = keep and max(1, int(self.count / keep))
        self.optimizer = torch.optim.SGD(self.network.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4)

    def step(self, images, labels):
        start = time.perf_counter()
        self.optimizer.zero_grad()
        loss = F.cross_entropy(self.network(images), labels)
        loss.backward()
        if self.keep:
            with torch.no_grad():
                scores = [(p * p.grad).abs() for p in self.weights]
                threshold = torch.topk(torch.cat([s.flatten() for s in scores]), self.keep)[0][-1]
                for p, s in zip(self.weights, scores):
                    p.grad.mul_((s >= threshold).float())
        self.optimizer.step()
        loss.item()
        return time.perf_counter() - start


name, compression, batch, threads = sys.argv[1], float(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
torch.set_num_threads(threads)
torch.manual_seed(0)
if name not in networks:
    raise SystemExit(f"{name} is not written for PyTorch here")
make, shape, classes = networks[name]
trainings = {"sgd": Training(make(), None), "gsm": Training(make(), compression)}
images, labels = torch.rand(batch, *shape), torch.randint(0, classes, (batch,))
print("ready", trainings["gsm"].count, flush=True)
for line in sys.stdin:
    print(trainings[line.strip()].step(images, labels), flush=True)
