"""The articles that ship, a file for each language."""
