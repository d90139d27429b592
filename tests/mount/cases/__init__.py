"""The cases of oplist.py, by theme. Each gets an empty directory and answers what it saw, as JSON-able values."""
