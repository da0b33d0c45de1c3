"""Makes torch-*.safetensors: a network of PyTorch's own modules with an input and its output, and modules that are
not converted. PyTorch 2.15.0, safetensors 0.7; run it in this folder."""

import torch
from safetensors.torch import save_file
from torch import nn

torch.manual_seed(0)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4)
        self.dw = nn.Conv2d(4, 4, 3, padding=1, groups=4)
        self.conv2 = nn.Conv2d(4, 4, (3, 1), bias=False)
        self.fc, self.ln, self.emb = nn.Linear(4 * 2 * 4, 5), nn.LayerNorm(5), nn.Embedding(7, 5)
        self.c1 = nn.Conv1d(5, 5, 3, padding=1)
        self.head = nn.ModuleList([nn.Linear(5, 5, bias=False), nn.Linear(5, 3)])

    def forward(self, x, t):
        x = torch.relu(self.conv2(self.dw(torch.relu(self.bn1(self.conv1(x))))))
        x = self.ln(self.fc(x.flatten(1)))
        e = self.c1(self.emb(t).transpose(1, 2)).mean(2)
        return self.head[1](self.head[0](x + e))


net = Net()
for _ in range(5):  # averages of batch norm
    net(torch.randn(8, 3, 4, 4) * 2 + 1, torch.zeros(8, 2, dtype=torch.long))
net.eval()
x, t = torch.randn(2, 3, 4, 4), torch.randint(0, 7, (2, 6))
with torch.no_grad():
    for p in net.parameters():
        p.add_(torch.randn_like(p) * 0.1)
    y = net(x, t)
save_file(net.state_dict(), "torch-net.safetensors")
save_file({"x": x.permute(0, 2, 3, 1).contiguous(), "t": t.to(torch.int32), "y": y}, "torch-net-io.safetensors")

for name, module in {
    "lstm": nn.LSTM(2, 3), "gru": nn.GRU(2, 3, bias=False, bidirectional=True), "cell": nn.LSTMCell(2, 3),
    "attention": nn.MultiheadAttention(4, 2), "encoder": nn.TransformerEncoderLayer(4, 2, 5),
}.items():
    save_file({"m." + k: v for k, v in module.state_dict().items()}, f"torch-{name}.safetensors")
