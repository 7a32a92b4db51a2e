"""The weather outdoors, by area and hour: who tells it, and what is kept of it."""
