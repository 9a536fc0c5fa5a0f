"""What all pages have in common: frame and style, tables and drawings, and the links between neighbours.

Needs the standard library alone. `style.css` is the one stylesheet.
"""
