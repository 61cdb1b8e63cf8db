"""Loss curves in files of other programs, and the estimate that they allow."""
