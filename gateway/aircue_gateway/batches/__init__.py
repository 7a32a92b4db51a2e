"""The versions of the batch format, and what they are coded with."""
