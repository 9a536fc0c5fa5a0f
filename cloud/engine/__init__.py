"""The engine: scheduler, batches, encoder cache, sampling."""
