"""Who lives where, and what their wearables and phones observe."""
