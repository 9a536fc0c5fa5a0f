"""On the device: picture and question in, answer out. Never imports torch, transformers or onnx."""
