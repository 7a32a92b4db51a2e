"""Profiles of devices, one file each: data, and a model for whoever writes another."""
