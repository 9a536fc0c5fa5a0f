"""How each codec is fitted, one file a codec, called as the codec is: the registry finds it by its name."""
