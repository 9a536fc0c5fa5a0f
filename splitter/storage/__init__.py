"""What a split reads and writes on disk: checkpoints by name, digests, finished steps, the tail, and room for
it all.
"""
