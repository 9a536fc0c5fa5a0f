"""A learned feature codec: the fitted one between two small networks, trained through the tail for few bytes
and equal answers.
"""
