"""The service over HTTP: for operators and for applications without an agent."""
