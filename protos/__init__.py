"""The contract: what crosses between device, cloud and operator, and what a bundle holds. Imports nothing of
ours.
"""
