"""What the verdicts of a rollout find, and how often they mislead: `isthmus bench rollout`."""
