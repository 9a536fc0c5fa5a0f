"""Choosing where to cut: what every way to answer costs on a link, as pure functions over plain values. Needs
no torch.
"""
