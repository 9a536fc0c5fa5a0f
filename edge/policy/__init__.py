"""Which way to answer a request: the arms, and the pure decision among them."""
