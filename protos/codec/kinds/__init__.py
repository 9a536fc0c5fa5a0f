"""The codecs, one a file that is called as the codec is: the registry finds it by its name."""
