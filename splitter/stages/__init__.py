"""The stages of a split: load, choose cuts, export, gate, quantise, fit, write, measure."""
