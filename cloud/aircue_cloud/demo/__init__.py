"""A shop to try Aircue with: a catalogue of invented products, and simulated shoppers."""
