"""Writes the files of this folder with the safetensors library, as people's programs do.

    pip install numpy==2.4.6 safetensors==0.8.0 ml_dtypes==0.6.0
    python make.py

Names and types are those of PyTorch's modules; the numbers of each tensor count up from 0 in PyTorch's
order, so that a test knows what belongs where without reading the file.
"""
import json
import os

import ml_dtypes
import numpy as np
from safetensors import TensorSpec, serialize_file
from safetensors.numpy import save_file

os.chdir(os.path.dirname(os.path.abspath(__file__)))


def count(*shape, dtype=np.float32):
    return np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(dtype)


def net(prefix="", dtype=np.float32):
    """A Conv2d, a BatchNorm2d and a Linear."""
    return {
        prefix + "conv.weight": count(3, 2, 2, 2, dtype=dtype),
        prefix + "conv.bias": count(3, dtype=dtype),
        prefix + "bn.weight": count(3, dtype=dtype),
        prefix + "bn.bias": count(3, dtype=dtype),
        prefix + "bn.running_mean": count(3, dtype=dtype),
        prefix + "bn.running_var": count(3, dtype=dtype),
        prefix + "bn.num_batches_tracked": np.array(7, np.int64),
        prefix + "fc.weight": count(4, 6, dtype=dtype),
        prefix + "fc.bias": count(4, dtype=dtype),
    }


for name, dtype in {"f64": np.float64, "f32": np.float32, "f16": np.float16, "bf16": ml_dtypes.bfloat16}.items():
    save_file(net(dtype=dtype), name + ".safetensors")
for name in ["float8_e4m3fn", "float8_e5m2"]:
    save_file({"fc.weight": count(4, 6, dtype=getattr(ml_dtypes, name))}, name + ".safetensors")
f4 = np.zeros((4, 3), np.uint8)  # two numbers in a byte
serialize_file({"fc.weight": TensorSpec(dtype="float4_e2m1fn_x2", shape=f4.shape, data_ptr=f4.ctypes.data, data_len=f4.nbytes)},
               "float4_e2m1fn.safetensors")

# What wraps a network.
save_file(net("module."), "module.safetensors")
save_file(net("_orig_mod."), "orig_mod.safetensors")
save_file(net("module._orig_mod."), "module_orig_mod.safetensors")
save_file({k.replace("conv.", "conv._orig_mod."): v for k, v in net().items()}, "orig_mod_inside.safetensors")
save_file(net("state_dict.model."), "lightning.safetensors", {"format": "pt"})
save_file({**net("module."), "n_averaged": np.array(3, np.int64)}, "ema.safetensors")
save_file({**net(), "module.fc.weight": count(4, 6)}, "module_twice.safetensors")
save_file({**net(), "_orig_mod.fc.weight": count(4, 6)}, "orig_mod_twice.safetensors")

# torch.nn.utils.prune: every third weight is pruned.
pruned = net()
for name in ["conv.weight", "fc.weight", "fc.bias"]:
    w = pruned.pop(name)
    pruned[name + "_orig"] = w
    pruned[name + "_mask"] = (np.arange(w.size) % 3 != 0).reshape(w.shape).astype(np.float32)
save_file(pruned, "prune.safetensors")
save_file({k: v for k, v in pruned.items() if k != "fc.weight_mask"}, "prune_no_mask.safetensors")
save_file({k: v for k, v in pruned.items() if k != "fc.weight_orig"}, "prune_no_orig.safetensors")
save_file({**pruned, "fc.weight": count(4, 6)}, "prune_twice.safetensors")

# Weights that are computed.
weight_norm = net()
weight_norm["fc.weight_v"] = weight_norm.pop("fc.weight")
weight_norm["fc.weight_g"] = count(4, 1)
save_file(weight_norm, "weight_norm.safetensors")
parametrized = net()
parametrized["fc.parametrizations.weight.original"] = parametrized.pop("fc.weight")
save_file(parametrized, "parametrized.safetensors")
spectral = net()
spectral["fc.weight_orig"] = spectral.pop("fc.weight")
spectral["fc.weight_u"] = count(4)
spectral["fc.weight_v"] = count(6)
save_file(spectral, "spectral_norm.safetensors")

# Other modules: Conv1d, Conv3d, LayerNorm, Embedding, a ConvTranspose2d; what Linear shares with Embedding is
# written once, as safetensors.torch.save_model does.
save_file({
    "c1.weight": count(4, 3, 5), "c1.bias": count(4),
    "c3.weight": count(4, 3, 1, 2, 3), "c3.bias": count(4),
    "ln.weight": count(6), "ln.bias": count(6),
    "emb.weight": count(5, 5),
}, "modules.safetensors", {"format": "pt", "head.weight": "emb.weight"})
save_file({"up.weight": count(3, 4, 2, 2), "up.bias": count(4)}, "transposed.safetensors")
save_file({"c1.weight": count(4, 3, 5)}, "conv1d.safetensors")
save_file({"fc.weight": count(0, 6), "fc.bias": count(0)}, "empty.safetensors")
save_file({**net(), "scale": np.array(2, np.float32)}, "scalar.safetensors")
save_file({**net(), "fc.position_ids": count(1, 4, dtype=np.int64)}, "integers.safetensors")

# A network in two files.
parts = list(net().items())
where = {}
for i, part in enumerate([parts[:4], parts[4:]]):
    file = f"model-{i + 1:05}-of-00002.safetensors"
    save_file(dict(part), file, {"format": "pt"})
    where |= {k: file for k, _ in part}
with open("model.safetensors.index.json", "w") as f:
    json.dump({"metadata": {"total_size": sum(v.nbytes for _, v in parts)}, "weight_map": where}, f, indent=1)
