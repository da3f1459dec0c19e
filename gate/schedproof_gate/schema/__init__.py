"""JSON schemas of what the command reads and writes."""
