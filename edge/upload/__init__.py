"""What crosses the wire: features encoded, frames coded against earlier ones, pictures compressed."""
