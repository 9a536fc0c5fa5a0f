"""The way to the cloud: the client, and what is learned of the link from every call."""
