"""Payment providers: one interface, a file for each."""
