"""Orders: what was bought, what was paid for it and what was given back, as a ledger of events."""
