"""A log of decisions: what each was predicted to take, what it took, and how good the choices were."""
