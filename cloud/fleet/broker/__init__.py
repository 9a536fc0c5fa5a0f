"""The controller's side of the broker: what devices tell comes in, what is wanted of them goes out."""
