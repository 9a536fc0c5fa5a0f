"""The controller over HTTP: `/api/v1`, metrics, health."""
