"""Segments: groups of people by what they buy and how their homes are, day by day; and audiences, rules over them."""
