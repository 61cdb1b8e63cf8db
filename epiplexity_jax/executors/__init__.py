"""Executors of waves: on the devices of this process, or on the nodes of a Ray cluster."""
