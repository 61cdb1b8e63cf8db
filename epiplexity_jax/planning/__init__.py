"""Sizes and training tokens for given budgets or a given time, chosen and grown as runs end."""
