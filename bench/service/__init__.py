"""`isthmus bench service`: many devices on one service, beside a plain server and the model alone."""
