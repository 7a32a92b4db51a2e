"""Partners: accounts, product feeds, devices of other brands, webhooks both ways, shared results of campaigns."""
