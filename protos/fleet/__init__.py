"""What the operators of a fleet and its devices agree on: topics, messages, bounds, and sketches of what was
measured. `protos/fleet.proto` is the contract.
"""
