"""Every kind of source, a file each; a new one is added here."""

from edge.agent.sources.kinds.folder import FolderSource

AnySource = FolderSource  # | the next
