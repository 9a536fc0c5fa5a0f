"""What each part of an answer costs on this device: measured, and kept."""
