"""The one cost model: what each part of an answer takes, and how that adds up. The device's policy and
`isthmus plan` both use it.
"""
