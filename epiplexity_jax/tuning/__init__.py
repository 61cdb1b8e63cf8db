"""The recipe of a source: rate, warm-up, batch, window and cap that give the shortest code."""
