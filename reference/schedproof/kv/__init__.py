"""KV blocks by identity, and which prompts they hold."""
