"""The computer's side of a board: building what it gets, writing it, checking it. Never copied to a board."""
