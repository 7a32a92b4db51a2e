"""Who would want which product: learnt from what people did, served as a share of their interest."""
