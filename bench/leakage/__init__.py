"""What features give away: how well a picture can be reconstructed from what crosses the wire: `isthmus bench
leakage`.
"""
