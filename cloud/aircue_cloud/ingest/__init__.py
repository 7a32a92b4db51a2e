"""Taking batches in: checked, kept as they came, stored as readings, and followed up, once."""
