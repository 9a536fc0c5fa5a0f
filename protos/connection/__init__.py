"""How a service is reached: its address, credentials, channel and pings, and what a failed call means. Only
`channel` needs grpc.
"""
