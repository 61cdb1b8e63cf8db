"""A page of results: its charts, its tables, and the HTML file that holds both."""
