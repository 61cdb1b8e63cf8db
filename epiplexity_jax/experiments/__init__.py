"""Published phenomena as experiments: their configs in three sizes, their checks, their pages."""
