"""Orders of datasets at compute budgets, and how sure they are."""
