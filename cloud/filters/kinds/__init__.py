"""The content filters that come with the service, one a file that is called as the filter is."""
