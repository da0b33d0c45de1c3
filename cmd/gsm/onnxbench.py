"""Times an ONNX model on images in a file: reads sizes of the batch, one a line, and answers seconds for a batch."""
import sys
import time
import numpy
import onnxruntime

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
options.inter_op_num_threads = 1
session = onnxruntime.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
first = session.get_inputs()[0]
images = numpy.fromfile(sys.argv[2], numpy.float32).reshape([-1] + first.shape[1:])
print("ready", flush=True)
for line in sys.stdin:
    feed, n = {first.name: images[:int(line)].copy()}, 1
    while True:
        start = time.perf_counter()
        for _ in range(n):
            session.run(None, feed)
        took = time.perf_counter() - start
        if took > 2e-4:
            break
        n *= 4
    print(took / n, flush=True)
