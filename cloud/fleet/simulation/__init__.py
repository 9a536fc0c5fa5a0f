"""Devices that are not there: they speak MQTT as real ones do, and answer as the cost model says, so that a
controller can be tried out: `isthmus fleet simulate`.
"""
