"""Estimators by kind: how a model is trained, what is recorded, and what its codes need."""
