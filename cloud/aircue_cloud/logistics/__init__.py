"""Parcels: where they are, as their carriers tell it, and when they come."""
