"""The ways of a sealed batch to the cloud."""
