"""What pages show, as dataclasses built from what the store knows; no web framework in here."""
