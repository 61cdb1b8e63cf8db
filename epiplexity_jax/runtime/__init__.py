"""Platforms, processes, signals and settings of JAX: what differs between them is decided here."""
