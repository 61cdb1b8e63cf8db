"""The command line: options, commands, progress and messages of one line."""
