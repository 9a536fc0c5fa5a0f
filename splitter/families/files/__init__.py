"""What the files of a checkpoint folder say, each read and checked by itself."""
