"""Stores: what a sweep leaves on disk."""

from epiplexity_jax.store.store import History, Row, Store, StoredRun

__all__ = ["History", "Row", "Store", "StoredRun"]
