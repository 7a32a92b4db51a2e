"""What the gateway may not forget, on the disk."""
