"""Makes torch.sparse_csr_tensor of each kernel in a safetensors file, and prints the sum of its values by their places."""
import json
import pathlib
import struct
import sys
import torch

raw = pathlib.Path(sys.argv[1]).read_bytes()
(size,) = struct.unpack("<Q", raw[:8])
header, data = json.loads(raw[8:8 + size]), raw[8 + size:]


def tensor(name):
    kind = {"I64": torch.int64, "F32": torch.float32}[header[name]["dtype"]]
    first, last = header[name]["data_offsets"]
    return torch.frombuffer(bytearray(data[first:last]), dtype=kind) if last > first else torch.empty(0, dtype=kind)


for name in sorted(header["__metadata__"]):
    if name.endswith(".shape"):
        layer = name.removesuffix(".shape")
        rows, *rest = map(int, header["__metadata__"][name].split(","))
        parts = [tensor(f"{layer}.{part}") for part in ("crow_indices", "col_indices", "values")]
        kernel = torch.sparse_csr_tensor(*parts, size=(rows, torch.tensor(rest).prod().item())).to_dense().double().flatten()
        print(f"{(kernel * torch.arange(1, len(kernel) + 1)).sum().item():.3f}")
