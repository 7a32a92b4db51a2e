"""Simulated homes and shoppers whose true lift is known, to hold the estimators and the loop against. Nothing here was
observed, and no figure of it says anything about a real shop."""
