"""Payload formats, one file each: bytes of a message to checked values."""
