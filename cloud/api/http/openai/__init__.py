"""OpenAI's API, for applications without an agent."""
