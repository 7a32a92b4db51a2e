"""Carriers, one file each: how each tells what becomes of its parcels."""
