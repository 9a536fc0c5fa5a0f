"""Feature codecs: fitted to what a tail makes of errors, with their encoders as graphs."""
