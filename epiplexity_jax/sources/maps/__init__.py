"""Sources made from other sources."""
