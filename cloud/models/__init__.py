"""The models that are served, and the device and dtype they run on."""
