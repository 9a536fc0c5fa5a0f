"""One request from picture and question to answer."""
