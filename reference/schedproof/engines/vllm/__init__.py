"""vLLM's scheduler (release 0.33, engine V1): configuration, start-up checks, step loop, and an engine over many steps."""
