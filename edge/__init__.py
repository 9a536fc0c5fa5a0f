"""On the device: picture and question in, answer out. Never imports torch, transformers or onnx."""

from protos.telemetry import opt_out

opt_out()
