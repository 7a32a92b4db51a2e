"""Triggers that no room gives: the weather, what people wear, and what a home uses up, through the same episodes."""
