"""OpenAI's API as our servers speak it: requests read, replies and errors written."""
