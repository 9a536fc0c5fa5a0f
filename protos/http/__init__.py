"""What every HTTP server of ours shares: the server itself, its guard, OpenAI's forms."""
