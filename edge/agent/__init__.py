"""The agent: a device that runs day and night. One room for each of its parts; assembly/ joins them."""
