"""From files, scripts and flags to a configuration with the place of each value."""
