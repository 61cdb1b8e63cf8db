"""Sources that Python code hands over, or that a config names by their function."""
