"""From a file of leads to rows: detect, read, map, load."""
