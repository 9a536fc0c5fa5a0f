"""What runs in onnxruntime on the device: the head, the local model, the text tower."""
