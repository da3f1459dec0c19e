"""What happens to vLLM's requests between steps, and an engine that lives over many of them."""
