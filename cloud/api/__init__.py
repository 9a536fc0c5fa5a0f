"""The gRPC service: its RPCs, its assembly, and its life as a process."""
