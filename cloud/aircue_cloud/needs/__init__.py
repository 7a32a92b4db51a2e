"""Needs as data: one TOML file each, read by aircue_cloud.needs.needs."""
