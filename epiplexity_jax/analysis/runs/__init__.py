"""Runs as curves over their record points, and the code lengths of each."""
