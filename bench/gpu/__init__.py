"""`isthmus bench gpu`: what a GPU makes of a bundle, in one short run."""
