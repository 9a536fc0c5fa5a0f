"""The gRPC face of the service, its assembly, and its life as a process."""
