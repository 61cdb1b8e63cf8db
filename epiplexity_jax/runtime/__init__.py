"""Platforms, processes, signals and settings of JAX: nothing above here touches them itself."""
