"""The cloud: ingest, layers of data, needs, recommender, decision and delivery."""
