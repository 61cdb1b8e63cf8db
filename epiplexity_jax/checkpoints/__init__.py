"""Checkpoints of states and cohorts, written through Orbax and verified by checksums of our own."""
