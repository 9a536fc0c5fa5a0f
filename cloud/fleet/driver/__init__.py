"""What the leading controller does by itself: rollouts driven, telemetry kept small."""
