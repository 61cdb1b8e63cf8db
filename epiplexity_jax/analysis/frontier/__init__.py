"""Frontiers: shortest two-part codes over compute; `traced` answers at a budget."""
