"""The engine: request queue, scheduler, batches, encoder cache, sampling."""
