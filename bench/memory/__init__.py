"""What a split holds in memory: a checkpoint of true size is written, split in a process of its own, and that
process watched.
"""
