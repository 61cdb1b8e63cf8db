"""Layouts of curve files, one reader each."""
