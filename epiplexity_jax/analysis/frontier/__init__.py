"""Frontiers: the shortest two-part codes over compute, and their decomposition at a budget."""
