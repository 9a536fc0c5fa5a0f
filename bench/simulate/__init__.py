"""`isthmus simulate`: a device's decisions over recorded links, against rivals and oracles."""
