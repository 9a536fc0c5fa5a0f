"""What a cut loses: subjects, answers, the identity gate, and the report."""
