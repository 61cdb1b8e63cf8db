"""Stores: what a sweep leaves on disk."""

from epiplexity_jax.store.parquet import History, Row
from epiplexity_jax.store.store import Store, StoredRun

__all__ = ["History", "Row", "Store", "StoredRun"]
