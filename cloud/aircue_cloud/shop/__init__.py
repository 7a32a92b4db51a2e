"""The shop: its catalogue, and what people do with its products."""
