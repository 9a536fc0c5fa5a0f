"""Who a caller is: bearer tokens and client certificates, checked, and the service's own certificate."""
