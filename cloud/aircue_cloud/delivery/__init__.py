"""Channels through which a push reaches people: one file each."""
