"""Prompts and answers as text: the template written out, tokens back to words."""
