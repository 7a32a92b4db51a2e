"""The bench: simulated sensors at bus level, simulated homes, and the places that run the firmware."""
