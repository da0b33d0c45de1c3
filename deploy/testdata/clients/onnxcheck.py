"""Checks and runs all ONNX models in a folder: NAME.onnx reads NAME.in and makes NAME.out, float32."""
import pathlib
import sys
import numpy
import onnx
import onnxruntime

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
for model in sorted(pathlib.Path(sys.argv[1]).glob("*.onnx")):
    try:
        onnx.checker.check_model(onnx.load(model), full_check=True)
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        first = session.get_inputs()[0]
        x = numpy.fromfile(model.with_suffix(".in"), numpy.float32).reshape([-1] + first.shape[1:])
        if first.type == "tensor(int64)":
            x = x.astype(numpy.int64)
        session.run(None, {first.name: x})[0].astype(numpy.float32).tofile(model.with_suffix(".out"))
    except Exception as problem:
        print(f"{model.stem}: {problem}")
