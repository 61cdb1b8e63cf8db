"""Trained members of a store, fine-tuned or probed on another source."""
