"""What a device needs beside the head to answer alone: the decoder, or a dual encoder's text tower."""
