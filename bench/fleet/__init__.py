"""What the rollouts of a fleet find, and how often they err: `isthmus bench fleet-rollouts`."""
