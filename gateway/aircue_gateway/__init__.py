"""The gateway: takes readings in, cleans them, notices episodes, batches, stores and forwards."""
