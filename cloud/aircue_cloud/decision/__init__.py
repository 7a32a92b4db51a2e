"""Whether to push, what, and why: candidates, gates, and the record of every decision."""
