"""vLLM 0.33 (engine V1): configuration, start-up, the turns of its step loop, and its life over many steps."""
