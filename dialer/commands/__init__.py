"""The command line's commands, one module per noun. Each composes what it needs and nothing more."""
