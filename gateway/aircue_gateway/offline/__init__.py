"""Commands that need no running gateway: a trace through the cleaning, rules on fabricated series."""
