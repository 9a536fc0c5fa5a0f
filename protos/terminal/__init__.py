"""How every command speaks with a person: its parser, options, units, progress."""
