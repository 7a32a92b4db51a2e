"""The models, one file each; `contract.Model` is what they have in common."""
