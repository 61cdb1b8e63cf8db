"""Pages that people read: the report of finished stores, and the live view of a running sweep."""
