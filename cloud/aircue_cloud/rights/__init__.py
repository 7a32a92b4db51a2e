"""People's rights over their data: what holds it, what they agreed to, export, erasure and its proof."""
