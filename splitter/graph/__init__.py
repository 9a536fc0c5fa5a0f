"""ONNX graphs: exported, quantised, cut into pieces, and run as a chain."""
