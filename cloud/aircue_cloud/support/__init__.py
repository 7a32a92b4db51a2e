"""The shop's support: a knowledge base, a bot that answers from it and knows when it cannot, and people behind it."""
