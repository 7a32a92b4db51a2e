"""Where readings come in: our own listener, another broker, cables, other makers' devices, wired sensors."""
