"""What features give away: how well a picture can be made again from what crosses the wire."""
