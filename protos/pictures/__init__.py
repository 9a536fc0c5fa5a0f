"""Pictures as device, cloud and splitter agree on them: sizes, tiles, and the digests of frames."""
