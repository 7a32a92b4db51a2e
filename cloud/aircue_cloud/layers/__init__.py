"""What is derived from stored readings: episodes, latest state."""
