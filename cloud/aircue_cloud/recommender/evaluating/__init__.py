"""How good a ranking is: temporal splits, full rankings, metrics a user, intervals by bootstrap."""
