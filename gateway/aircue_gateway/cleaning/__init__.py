"""The stages a reading passes: each one a streaming filter that flags and never changes a value."""
