"""Engines that train beyond one machine."""
