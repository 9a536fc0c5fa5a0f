"""The kinds of traffic by name, which an option takes: known before anything heavy is imported."""

FEATURES, UPLOAD, MIXED, AGAIN, BESIDE, OPEN = "features", "upload", "mixed", "again", "beside", "open"
KINDS = (FEATURES, UPLOAD, MIXED, AGAIN, BESIDE, OPEN)
